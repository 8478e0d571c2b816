"""`static`: vectors of tokens trained on pairs of texts, with Matryoshka."""

import logging
import os
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sentemb.cards import Card, public_name, usage_of_encoder, write_card
from sentemb.datasets.inputs import read_marked_inputs
from sentemb.encoders.build import build_encoder, model_name
from sentemb.errors import InputError, UsageError
from sentemb.inference.static import real_tokens, tokenizer_of
from sentemb.losses import InfoNCE, Matryoshka
from sentemb.losses.combine import total
from sentemb.pairs import Pairs
from sentemb.storage import check_output, whole_folder, write_json
from sentemb.types import Vectors
from sentemb.values import require_at_least
from sentemb.words.token_means import StaticSettings, TokenMeans, tokenised, train_means

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

    from sentemb.datasets.in_memory import Container

    Data = str | os.PathLike[str] | Container

logger = logging.getLogger("sentemb")
RECORD = "static.json"
"""Marks the folder, and says how it was made."""
PAIRS = (("anchor", "positive"), ("sentence1", "sentence2"))
DIM, LEAST = 1024, 32
"""Of random vectors; and the fewest dimensions that can be cut to."""
SPREAD = 0.25
"""Standard deviation of random numbers: a rate of 0.05 is to them what 0.2 is to those of 1."""


def static(
    data: "Data",
    output: str | os.PathLike[str],
    *,
    model: "str | os.PathLike[str] | SentenceTransformer" = "mini",
    columns: Sequence[str] | None = None,
    dim: int | None = None,
    matryoshka: Sequence[int] | None = None,
    temperature: float = 0.05,
    settings: StaticSettings | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    r"""Train a static model on pairs, as ``sentemb static`` does; return ``static.json``.

    A text's vector is the mean of its tokens' vectors, which are trained by InfoNCE, of the first
    dimensions alone too. The folder is a plain sentence-transformers model.

    Args:
        data: Pairs: anchor and positive, or sentence1 and sentence2. Every row is a pair that
            belongs together.
        output: Folder to write.
        model: A static model, as `export` and `word2vec` write it, whose vectors are the start; or
            any other encoder, of which the tokenizer is taken, and vectors start random.
        columns: The two columns, where they have other names.
        dim: Numbers of a random vector; by default 1,024.
        matryoshka: Dimensions that vectors can be cut to; by default half, a quarter and so on down
            to 32.
        temperature: τ.
        settings: How to train.
        overwrite: Replace an earlier static model in the folder.

    Raises:
        UsageError: When an option is out of its range.
        InputError: When data or model cannot be read, or table and tokenizer do not fit.
        NumericError: When the loss is not finite.

    Source: the recipe of sentence-transformers' static models (huggingface.co/blog/
        static-embeddings); Kusupati et al., 2022 (arXiv:2205.13147). Deviations: duplicates of
        a batch stay in it, and are not contrasted; random numbers have a standard deviation of 1/4,
        so that one learning rate serves both starts.
    """
    folder = Path(output)
    check_output(folder, RECORD, overwrite=overwrite)
    if dim is not None:
        require_at_least(2, dim=dim)
    inputs = read_marked_inputs(data, PAIRS, columns)
    encoder = build_encoder(model, device="cpu")
    table = table_of(encoder, model_name(model))
    if table is not None and dim is not None:
        raise UsageError("dim is of random vectors: it has no effect on a static model.")
    settings = settings or StaticSettings()
    tokenizer, vectors = table or _random(encoder, dim or DIM, settings.seed)
    width = vectors.shape[1]
    dims = tuple(matryoshka or (width, *_halves(width)))
    loss = Matryoshka(InfoNCE(temperature), dims if width in dims else (width, *dims))
    sides = [list(inputs.texts[name]) for name in inputs.texts.column_names]
    number = {text: n for n, text in enumerate(dict.fromkeys([*sides[0], *sides[1]]))}
    rows = tokenised(number, tokenizer)
    places = np.array([[number[text] for text in side] for side in sides])
    means = TokenMeans(vectors, np.ones(len(vectors)))

    def loss_of(batch: NDArray[np.int64]) -> torch.Tensor:
        chosen = places[:, batch]
        x, y = (means([rows[place] for place in side]) for side in chosen)
        return total(loss(Pairs(x, y, texts=torch.from_numpy(chosen.flatten()))))

    history = train_means(means, places.shape[1], loss_of, settings)
    record = {
        "schema": "sentemb.static/1",
        "data": public_name(inputs.source),
        "pairs": places.shape[1],
        "model": public_name(model_name(model)),
        "start": "its vectors" if table else "random vectors",
        "dim": width,
        "matryoshka": list(loss.dims),
        "temperature": temperature,
        "settings": asdict(settings),
        **history._asdict(),
        "versions": {name: version(name) for name in ("sentemb", "torch", "tokenizers")},
    }
    with whole_folder(folder, RECORD, overwrite=overwrite) as new:
        means.static(tokenizer, 1.0).save(new)
        write_json(new / RECORD, record)
        write_card(new, _card(record, folder.name))
    return record


def table_of(encoder: "SentenceTransformer", name: str) -> "tuple[Tokenizer, Vectors] | None":
    """Return tokenizer and vectors of a static model; None for any other encoder.

    Raises:
        InputError: When its tokenizer has tokens that have no vector.
    """
    bag = getattr(encoder[0], "embedding", None)
    if not isinstance(bag, nn.EmbeddingBag):
        return None
    tokenizer: Tokenizer = encoder[0].tokenizer  # type: ignore[assignment]
    vectors = bag.weight.detach().numpy().copy()
    tokens = max(tokenizer.get_vocab().values()) + 1
    if tokens > len(vectors):
        raise InputError(
            f"Model '{name}' has {len(vectors):,} vectors, but its tokenizer has {tokens:,} "
            "tokens: give a model whose parts belong together."
        )
    return tokenizer, vectors


def _random(encoder: "SentenceTransformer", dim: int, seed: int) -> "tuple[Tokenizer, Vectors]":
    tokenizer = tokenizer_of(encoder)
    tokens = real_tokens(tokenizer)
    vectors = np.zeros((max(tokenizer.get_vocab().values()) + 1, dim), np.float32)
    random = np.random.default_rng(seed)
    vectors[tokens] = SPREAD * random.standard_normal((len(tokens), dim), np.float32)
    return tokenizer, vectors


def _halves(width: int) -> list[int]:
    """Return half, a quarter and so on, down to 32.

    Example:
        >>> _halves(256)
        [128, 64, 32]
    """
    found = []
    while width // 2 >= LEAST:
        width //= 2
        found.append(width)
    return found


def _card(record: dict[str, Any], name: str) -> Card:
    dims = ", ".join(map(str, record["matryoshka"]))
    how = {
        "made by": "sentemb static",
        "start": f"{record['start']}, tokenizer of {record['model']}",
        "trained on": f"{record['data']}, {record['pairs']:,} pairs",
        "loss": f"InfoNCE, temperature {record['temperature']:g}, of the first {dims} dimensions",
        **{key.replace("_", " "): value for key, value in record["settings"].items()},
        "source of the method": "sentence-transformers' static models; Kusupati et al., 2022 "
        "(arXiv:2205.13147)",
    }
    return Card(
        name=name,
        what="A static encoder: a text's vector is the mean of its tokens' vectors. The order of "
        f"words has no influence. Vectors can be cut to {dims} dimensions.",
        usage=usage_of_encoder(),
        how=how,
        datasets=[record["data"]],
        versions=record["versions"],
    )
