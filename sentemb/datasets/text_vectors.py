"""Vectors of texts, as `encode` writes both into one file: a row, a text and its vector."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sentemb.datasets.files import names_rows, text_of
from sentemb.datasets.roles import TEXT, column_of
from sentemb.datasets.source import read_source
from sentemb.errors import InputError

VECTOR = ("embedding", "vector")
"""Names of the column of vectors; the first is what `encode` writes."""


class TextVector(NamedTuple):
    """A row of a file.

    Args:
        number: Of the row, from 1.
        text: What the vector is of.
        vector: ``[dim]``.
    """

    number: int
    text: str
    vector: NDArray[np.float32]


def read_text_vectors(path: Path) -> Iterator[TextVector]:
    """Yield the rows of a file of texts and their vectors; rows without a text are left out.

    Args:
        path: A .parquet, .jsonl or .csv file with the columns ``text`` and ``embedding``, as
            `encode` writes it; ``vector`` is read too.

    Raises:
        InputError: When the file is not one, or a vector is not of finite numbers, or is of zeros,
            or of another width than the first; names the row.
    """
    present, rows = read_source(path)
    text, vector = column_of(TEXT, present), next((v for v in VECTOR if v in present), None)
    if text is None or vector is None:
        raise InputError(
            f"'{path}' has the columns {', '.join(present)}; a file of vectors has {TEXT} and "
            f"{VECTOR[0]}: write one with `sentemb encode FILE -o vectors.parquet`."
        )
    width = 0
    for number, row in rows:
        if (given := text_of(row, text, path, number)).strip():
            found = _vector(row[vector], f"'{path}', row {number:,}")
            if width not in (0, len(found)):
                raise InputError(
                    f"'{path}', row {number:,} has a vector of {len(found)} numbers, rows before "
                    f"it have {width}: encode the file again."
                )
            width = len(found)
            yield TextVector(number, given, found)


def names_vectors(name: str | os.PathLike[str]) -> bool:
    """Tell a file of vectors from a model, by the name of a teacher.

    Example:
        >>> names_vectors("vectors.parquet"), names_vectors("mini-sentemb")
        (True, False)
    """
    return bool(Path(name).suffix) and names_rows(os.fspath(name))


def width_of_vectors(path: Path) -> int:
    """Return the width of the vectors in a file.

    Raises:
        InputError: As `read_text_vectors`, or when no text has a vector.
    """
    first = next(read_text_vectors(path), None)
    if first is None:
        raise InputError(f"'{path}' holds no text with a vector.")
    return len(first.vector)


def _vector(value: Any, where: str) -> NDArray[np.float32]:
    """Return a cell as a vector: a list or, of csv, its JSON."""
    try:
        found = np.asarray(json.loads(value) if isinstance(value, str) else value, np.float32)
    except (ValueError, TypeError):
        found = np.empty(0, np.float32)
    if found.ndim != 1 or not np.isfinite(found).all() or not found.any():
        raise InputError(
            f"{where} has no vector: a list of finite numbers, not all 0, is needed for each text."
        )
    return found
