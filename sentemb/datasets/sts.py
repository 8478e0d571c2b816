"""Graded pairs for STS evaluation."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sentemb.datasets.files import text_of
from sentemb.datasets.source import read_source
from sentemb.errors import InputError, nearest
from sentemb.evaluation import STS

COLUMNS = ("sentence1", "sentence2", "score")


def read_sts(*sources: str | os.PathLike[str], name: str | None = None) -> STS:
    """Read one STS task from one file or several that belong together.

    The columns are ``sentence1, sentence2, score`` and, for the ``mean`` and ``wmean`` over
    subsets, ``subset``. A row with an empty score is left out and counted, as SentEval does.

    Raises:
        InputError: When a column is missing, a score is not a finite number (names the row), or
            all scores are equal.
    """
    rows = [row for source in sources for row in _graded(source)]
    kept = [row for row in rows if row[2] is not None]
    if not kept:
        raise InputError(f"{sources[0]} holds no graded pair.")
    first, second, scores, subsets = zip(*kept, strict=True)
    return STS(
        name=name or Path(sources[0]).name.removesuffix(".gz").rsplit(".", 1)[0],
        sentences1=first,
        sentences2=second,
        scores=scores,
        subsets=subsets if any(subsets) else None,
        ungraded=len(rows) - len(kept),
    )


def _graded(source: str | os.PathLike[str]) -> list[tuple[str, str, float | None, str]]:
    present, rows = read_source(source, split=None)
    _require(source, present, COLUMNS)
    return [
        (
            _sentence(row, "sentence1", source, number),
            _sentence(row, "sentence2", source, number),
            _score(row.get("score"), source, number),
            str(row.get("subset") or ""),
        )
        for number, row in rows
    ]


def _require(source: object, present: list[str], wanted: Sequence[str]) -> None:
    for column in wanted:
        if column not in present:
            raise InputError(
                f"{source} has no column '{column}'; it has {', '.join(present)}, and graded "
                f"pairs need {', '.join(wanted)}.{nearest(column, present)}"
            )


def _sentence(row: dict[str, Any], column: str, source: object, number: int) -> str:
    text = text_of(row, column, source, number)
    if not text.strip():
        raise InputError(f"{source}, row {number} has no {column}: fill it, or take the row out.")
    return text


def _score(value: Any, source: object, number: int) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        score = float(value)
    except (TypeError, ValueError):
        score = float("nan")
    if not abs(score) < float("inf"):
        raise InputError(f"{source}, row {number}: score {value!r} is not a finite number.")
    return score
