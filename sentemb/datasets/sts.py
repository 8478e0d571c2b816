"""Graded pairs for STS evaluation."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sentemb.datasets.files import text_of
from sentemb.datasets.labels import score_of
from sentemb.datasets.source import read_source
from sentemb.errors import InputError, nearest
from sentemb.evaluation import STS

COLUMNS = ("sentence1", "sentence2", "score")
Graded = tuple[str, str, float | None, str]
"""Two sentences, their score if they have one, and the subset or ""."""


def read_sts(*sources: str | os.PathLike[str], name: str | None = None) -> STS:
    """Read one STS task from one file or several that belong together.

    The columns are ``sentence1, sentence2, score`` and, for the ``mean`` and ``wmean`` over
    subsets, ``subset``. A row with an empty score is left out and counted, as SentEval does.

    Raises:
        InputError: When a column is missing, a score is not a finite number (names the row), or
            all scores are equal.
    """
    graded = [row for source in sources for row in _graded(source)]
    return sts_of(name or task_name(sources[0]), graded)


def task_name(source: str | os.PathLike[str]) -> str:
    """Return the name of a file without folder and endings."""
    return Path(source).name.removesuffix(".gz").rsplit(".", 1)[0]


def sts_of(name: str, rows: Sequence[Graded]) -> STS:
    """Make a task of graded pairs; those without a score are left out and counted.

    Raises:
        InputError: When there is none, or all scores are equal.
    """
    kept = [row for row in rows if row[2] is not None]
    if not kept:
        raise InputError(f"{name} holds no graded pair.")
    first, second, scores, subsets = zip(*kept, strict=True)
    return STS(
        name=name,
        sentences1=first,
        sentences2=second,
        scores=scores,
        subsets=subsets if any(subsets) else None,
        ungraded=len(rows) - len(kept),
    )


def graded_pair(row: dict[str, Any], source: object, number: int) -> Graded:
    """Return the sentences, score and subset of a row with the columns of `read_sts`.

    Raises:
        InputError: When a sentence is missing, or the score is no finite number; names the row.
    """
    return (
        sentence_of(row, "sentence1", source, number),
        sentence_of(row, "sentence2", source, number),
        _score(row, source, number),
        str(row.get("subset") or ""),
    )


def _graded(source: str | os.PathLike[str]) -> list[Graded]:
    present, rows = read_source(source, split=None)
    require(source, present, COLUMNS, "graded pairs")
    return [graded_pair(row, source, number) for number, row in rows]


def require(source: object, present: list[str], wanted: Sequence[str], what: str) -> None:
    """Check that a file has the columns that are needed.

    Raises:
        InputError: Names the first that is missing.
    """
    for column in wanted:
        if column not in present:
            raise InputError(
                f"{source} has no column '{column}'; it has {', '.join(present)}, and {what} "
                f"need {', '.join(wanted)}.{nearest(column, present)}"
            )


def sentence_of(row: dict[str, Any], column: str, source: object, number: int) -> str:
    """Return a row's sentence.

    Raises:
        InputError: When there is none; names the row.
    """
    text = text_of(row, column, source, number)
    if not text.strip():
        raise InputError(f"{source}, row {number} has no {column}: fill it, or take the row out.")
    return text


def _score(row: dict[str, Any], source: object, number: int) -> float | None:
    value = row.get("score")
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return score_of(row, "score", source, number)
