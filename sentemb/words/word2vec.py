"""`word2vec`: from texts to a plain sentence-transformers model of word vectors."""

import logging
import os
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentemb.cards import Card, public_name, usage_of_encoder, write_card
from sentemb.datasets.source import as_source
from sentemb.datasets.texts import read_texts
from sentemb.errors import UsageError
from sentemb.inference.static import Static, sif_weights
from sentemb.storage import check_output, whole_folder, write_json
from sentemb.values import is_number
from sentemb.words.sif import first_direction, means_of_texts, without_first_direction
from sentemb.words.skip_gram import WordSettings, train_words
from sentemb.words.word_corpus import read_corpus

if TYPE_CHECKING:
    from sentemb.datasets.in_memory import Container

    Data = str | os.PathLike[str] | Container

logger = logging.getLogger("sentemb")
RECORD = "words.json"
"""Marks the folder, and says how it was made."""


def word2vec(
    data: "Data",
    output: str | os.PathLike[str],
    *,
    column: str = "text",
    settings: WordSettings | None = None,
    min_count: int = 5,
    vocabulary: int | None = None,
    smoothing: float = 1e-3,
    remove_first: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    r"""Train word vectors on texts, as ``sentemb word2vec`` does; return ``words.json``.

    .. math:: v_s = \frac{1}{|s|} \sum_{w \in s} \frac{a}{a + p(w)} (I - u u^\top) v_w

    The folder is a plain sentence-transformers model: a text's vector is the weighted mean of its
    words' vectors. The direction u that all texts share is subtracted where ``remove_first`` is on.
    Unknown words count in ``|s|`` and have the zero vector.

    Args:
        data: Texts.
        output: Folder to write.
        column: The column of the texts.
        settings: How the words are trained.
        min_count: Words that occur less often are left out.
        vocabulary: Most words to keep, the most frequent ones; None for all.
        smoothing: a of the weights, where p is a word's share of the corpus; 0 weighs all alike.
        remove_first: Subtract the first direction of the texts' vectors.
        overwrite: Replace earlier word vectors in the folder.

    Raises:
        UsageError: When a setting is out of its range.
        InputError: When the data cannot be read, or has too few words.
        NumericError: When the loss is not finite.

    Source: Mikolov et al., 2013 (arXiv:1310.4546); Arora et al., 2017 (A Simple but Tough-to-Beat
        Baseline for Sentence Embeddings). Deviations: u stays by default; it is of at most
        100,000 texts of the training data, not of the texts that are encoded.
    """
    if not (is_number(smoothing) and smoothing >= 0):
        raise UsageError(f"smoothing must be 0 or more, got {smoothing!r}.")
    settings, folder = settings or WordSettings(), Path(output)
    check_output(folder, RECORD, overwrite=overwrite)
    source = as_source(data)
    corpus = read_corpus(read_texts(source, column), min_count, vocabulary)
    logger.info(
        "%s words of %s, %s of them distinct; %s rarer ones left out",
        f"{len(corpus.ids):,}", source, f"{len(corpus.words):,}", f"{corpus.unknown:,}",
    )  # fmt: skip
    started = time.perf_counter()
    trained, history = train_words(corpus, settings)
    seconds = time.perf_counter() - started
    vectors = trained.double().numpy()
    if smoothing:
        vectors = vectors * sif_weights(corpus.shares, smoothing)[:, None]
    if remove_first:
        means = means_of_texts(corpus, vectors)
        vectors = without_first_direction(vectors, first_direction(means))
    table = np.concatenate([np.zeros((1, vectors.shape[1])), vectors]).astype(np.float32)
    record = {
        "schema": "sentemb.words/1",
        "data": public_name(str(source)),
        "texts": len(corpus.ends),
        "words": len(corpus.ids),
        "vocabulary": len(corpus.words),
        "unknown_words": corpus.unknown,
        "settings": asdict(settings),
        "min_count": min_count,
        "smoothing": smoothing,
        "remove_first": remove_first,
        "losses": history,
        "words_per_second": settings.epochs * len(corpus.ids) / seconds,
        "versions": {name: version(name) for name in ("sentemb", "torch", "tokenizers")},
    }
    with whole_folder(folder, RECORD, overwrite=overwrite) as new:
        Static(corpus.tokenizer(), table, 1.0).save(new)
        write_json(new / RECORD, record)
        write_card(new, _card(record, folder.name))
    return record


def _card(record: dict[str, Any], name: str) -> Card:
    how = {
        "made by": "sentemb word2vec",
        "trained on": f"{record['data']}, {record['texts']:,} texts, {record['words']:,} words",
        "vocabulary": f"{record['vocabulary']:,} words that occur {record['min_count']} times or "
        "more",
        **{key.replace("_", " "): value for key, value in record["settings"].items()},
        "weights": f"a / (a + p), a = {record['smoothing']:g}" if record["smoothing"] else "none",
        "first direction": "removed" if record["remove_first"] else "kept",
        "source of the method": "Mikolov et al., 2013 (arXiv:1310.4546); Arora et al., 2017 (SIF)",
    }
    return Card(
        name=name,
        what="A static encoder: a text's vector is the weighted mean of its words' vectors. The "
        "order of words has no influence. A text of unknown words alone has the zero vector.",
        usage=usage_of_encoder(),
        how=how,
        datasets=[record["data"]],
        versions=record["versions"],
    )
