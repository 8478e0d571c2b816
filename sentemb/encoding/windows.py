"""Rows of texts, window by window: what is embedded together whatever happened before."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sentemb.datasets.texts import TextRow
from sentemb.encoding.distinct_texts import DistinctTexts
from sentemb.encoding.kept_columns import as_json

ROWS = 4096
CHARACTERS = 2**24
"""A window of long texts has fewer rows: it is held in memory."""


@dataclass(frozen=True)
class Window:
    """Consecutive rows.

    Args:
        number: From 0.
        first_row: Number of the first row, from 1.
        texts: One a row.
        numbers: For each row, that of its text among all distinct ones, ``[rows]``.
        new: The texts that no earlier window has, in the order of their numbers; they alone are
            embedded with this window.
        known: How many distinct texts earlier windows have: the number of the first new one.
        columns: Each row as JSON, where the input's columns are kept.
    """

    number: int
    first_row: int
    texts: list[str]
    numbers: NDArray[np.int64]
    new: list[str]
    known: int
    columns: list[str] = field(default_factory=list)

    @property
    def empty_rows(self) -> int:
        """How many rows have no text."""
        return sum(not text.strip() for text in self.texts)

    @cached_property
    def digest(self) -> str:
        """Hash of all rows, see `digest_of`."""
        return self.digest_of(len(self.texts))

    def digest_of(self, rows: int) -> str:
        """Return a hash, in hex, of what a part of the first rows holds for, and nothing else.

        That is the texts, their numbers, which of these are new here, and columns that are kept.
        """
        found = hashlib.sha256(self.known.to_bytes(8, "little"))
        found.update(self.numbers[:rows].astype("<i8").tobytes())
        for text in [*self.texts[:rows], *self.columns[:rows]]:
            data = text.encode()
            found.update(len(data).to_bytes(8, "little") + data)
        return found.hexdigest()

    def place_of(self, text: str) -> int:
        """Return the place of a text among all texts, from 1, where it is first."""
        return self.first_row + self.texts.index(text)


def windows(
    texts: Iterable[str | TextRow], seen: DistinctTexts, *, keep_columns: bool = False
) -> Iterator[Window]:
    """Cut texts into windows of 4,096 rows, or of 16 million characters where that is less."""
    first_row = 1
    for number, (rows, columns) in enumerate(_cut(texts, keep_columns=keep_columns)):
        known = seen.count
        numbers, new = seen.numbers(rows)
        yield Window(number, first_row, rows, numbers, new, known, columns)
        first_row += len(rows)


def _cut(
    texts: Iterable[str | TextRow], *, keep_columns: bool
) -> Iterator[tuple[list[str], list[str]]]:
    """Return texts, and beside them their rows as JSON where these are kept."""
    rows: list[str] = []
    columns: list[str] = []
    characters = 0
    for item in texts:
        row = item if isinstance(item, TextRow) else TextRow(item, {"text": item})
        rows.append(row.text)
        characters += len(row.text)
        if keep_columns:
            columns.append(as_json(row.columns))
            characters += len(columns[-1])
        if len(rows) == ROWS or characters >= CHARACTERS:
            yield rows, columns
            rows, columns, characters = [], [], 0
    if rows:
        yield rows, columns
