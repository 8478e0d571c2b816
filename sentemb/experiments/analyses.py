"""`analyze`: how the vectors of models lie in their space, side by side."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sentemb.bundled import bundled
from sentemb.errors import InputError, NumericError, UsageError
from sentemb.evaluation.cache import EncodeCache
from sentemb.experiments.models import Models, One, models_of, opened
from sentemb.locate import locate
from sentemb.plotting import require_matplotlib
from sentemb.storage import check_output
from sentemb.table import Cell, Report, Table, number

if TYPE_CHECKING:
    from sentemb.evaluation import STS
    from sentemb.geometry import Analysis, Corpus

logger = logging.getLogger("sentemb")
RECORD = "analysis.json"
MOST_MODELS = 8
"""Colours that can be distinguished in a picture."""
WORDS = {
    "spearman": "Spearman x 100",
    "positive_cosine": "mean cosine, positive",
    "random_cosine": "mean cosine, random",
    "uniformity_sentences": "uniformity",
    "top_component": "variance of top component",
    "penalty_entropy": "entropy of penalties",
    "even_entropy": "  if all were alike",
    "hardest_penalty": "penalty of the hardest",
    "common_mean_cosine": "mean cosine, common words",
    "rare_mean_cosine": "mean cosine, rare words",
    "rarity_norm": "rarity ~ norm",
    "rarity_centre": "rarity ~ cosine to the mean",
    "length_difference_cosine": "length difference ~ cosine",
    "length_norm": "length ~ norm",
    "energy_positive": "energy, positive",
    "energy_negative": "energy, negative",
    "info_nce": "InfoNCE",
    "information": "mutual information, at least",
    "energy_gap_low": "energy gap, 5 % quantile",
    "energy_gap": "energy gap, median",
    "energy_gap_high": "energy gap, 95 % quantile",
    "energy_errors": "share of gaps below 0",
}
"""Names in the table, where they are others; ~ is Spearman's correlation, in -1 to 1."""


def analyze(
    models: Models = "mini-sentemb",
    texts: str | os.PathLike[str] | Sequence[str] | None = None,
    *,
    sts: str | os.PathLike[str] | None = None,
    labels: str | os.PathLike[str] | None = None,
    column: str = "text",
    temperature: float = 0.05,
    energy: bool = False,
    output: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> Report:
    """Measure how models' vectors lie in their space.

    Alignment and uniformity, tolerance, isotropy, relative penalties, and what rare words and
    length do to a vector; docs/analysis.md defines each number.

    Args:
        models: A bundled encoder's name, a folder, a hub id, a `SentenceTransformer` or anything
            with ``encode``; up to eight in a list, or in a dictionary by the names to show. What
            depends on tokens is left out for a model without a tokenizer of ours.
        texts: A file of sentences, or the sentences; by default the bundled ones.
        sts: A file of graded pairs; by default the bundled ones.
        labels: A file of labelled sentences, for tolerance; by default the bundled topics where
            ``texts`` are the bundled ones too.
        column: The column of the file that holds the sentences.
        temperature: τ of relative penalties and of energies, as in training.
        energy: Measure the energies of the pairs graded above 4, too: how far they lie below those
            of all other pairs.
        output: A folder for ``analysis.json`` and pictures, which need matplotlib.
        overwrite: Whether an earlier analysis in the folder is replaced.

    Returns:
        A row a number, with its n; and a record with all of them and each model's spectrum.

    Raises:
        UsageError: When there are more than eight models, or the output folder is not empty.
        InputError: When a model or a file cannot be read, or the data are too few.
        NumericError: When an embedding is not a number.
    """
    named = _each_seed(models)
    if len(named) > MOST_MODELS:
        raise UsageError(f"{len(named)} models: give at most {MOST_MODELS}.")
    if output is not None:
        require_matplotlib()
        check_output(Path(output), RECORD, overwrite=overwrite)
    for one in named.values():
        if isinstance(one, str | os.PathLike):
            locate(one)
    corpus = _corpus(texts, column, sts, labels)
    from sentemb.geometry.report import record_of, write_report

    found = {name: _analysis(name, one, corpus, temperature, energy) for name, one in named.items()}
    if output is not None:
        folder = Path(output)
        write_report(folder, found, corpus, temperature, overwrite=overwrite)
        logger.info("%s: %s", folder, ", ".join(sorted(path.name for path in folder.iterdir())))
    return Report("analyze", record_of(found, corpus, temperature), [_table(found)])


def _each_seed(models: Models) -> dict[str, One]:
    """Return each seed of each model under its own name."""
    return {
        model.name if len(model.seeds) == 1 else str(one): one
        for model in models_of(models)
        for one in model.seeds
    }


def _corpus(
    texts: str | os.PathLike[str] | Sequence[str] | None,
    column: str,
    sts: str | os.PathLike[str] | None,
    labels: str | os.PathLike[str] | None,
) -> "Corpus":
    """Read what the models are looked at with."""
    defaults = [("sentences.txt", texts is None), ("graded.tsv", sts is None)]
    if labels is None and texts is None:
        labels = bundled("topics.tsv")
        defaults.append(("topics.tsv", True))
    name, sentences = _sentences(bundled("sentences.txt") if texts is None else texts, column)
    graded = _graded(sts or bundled("graded.tsv"))
    from sentemb.datasets import read_training_data

    classes: tuple[list[str], list[str]] = [], []
    if labels is not None:
        data = read_training_data(labels, [("text", "label")])
        classes = list(data.rows["text"]), [data.classes[n] for n in data.rows["label"]]
    if taken := [name for name, is_taken in defaults if is_taken]:
        logger.info("bundled: %s", ", ".join(taken))
    from sentemb.geometry import Corpus

    return Corpus("sentences.txt" if texts is None else name, sentences, graded, *classes)


def _sentences(
    texts: str | os.PathLike[str] | Sequence[str], column: str
) -> tuple[str, Sequence[str]]:
    """Return the name of the sentences, and those that are not blank."""
    from sentemb.datasets import read_texts

    is_file = isinstance(texts, str | os.PathLike)
    name = str(texts) if is_file else "texts"
    every = list(read_texts(texts, column)) if isinstance(texts, str | os.PathLike) else list(texts)
    kept = [text for text in every if text.strip()]
    if not kept:
        raise InputError(f"{name} holds no row with text.")
    if len(kept) < len(every):
        logger.info("%s: %s empty rows left out", name, f"{len(every) - len(kept):,}")
    return name, kept


def _graded(sts: str | os.PathLike[str]) -> "STS":
    from sentemb.datasets import read_sts

    graded = read_sts(sts)
    if graded.ungraded:
        logger.info("%s: %d rows without a score left out", graded.name, graded.ungraded)
    return graded


def _analysis(
    name: str, model: One, corpus: "Corpus", temperature: float, energy: bool
) -> "Analysis":
    """Analyse one model; what is wrong with it names it."""
    from sentemb.geometry import analyse

    with opened(model) as ready:
        try:
            encode = EncodeCache(ready.encode)
            return analyse(encode, ready.count_tokens, corpus, temperature, energy=energy)
        except (InputError, NumericError) as error:
            raise type(error)(f"{name}: {error}") from error


def _table(found: "dict[str, Analysis]") -> Table:
    """Return a row for every number: its n, and each model's value."""
    measures = {key: one for each in found.values() for key, one in each.measures.items()}
    rows = [
        [
            WORDS.get(name, name.replace("_", " ")),
            Cell(measure.n, f"{measure.n:,} {measure.of}"),
            *(
                number(name, each.measures[name].value if name in each.measures else None)
                for each in found.values()
            ),
        ]
        for name, measure in measures.items()
    ]
    rows.append(["dimensions", None, *(each.dim for each in found.values())])
    return Table(["", "n", *found], rows)
