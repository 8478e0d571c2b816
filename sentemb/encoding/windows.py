"""Rows of texts, window by window: what is embedded together whatever happened before."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sentemb.datasets.texts import TextRow
from sentemb.encoding.distinct_texts import DistinctTexts
from sentemb.encoding.kept_columns import EMBEDDING, as_json

ROWS = 4096
CHARACTERS = 2**24
"""A window of long texts, or of large pictures, has fewer rows: it is held in memory."""


@dataclass(frozen=True)
class Window:
    """Consecutive rows.

    Args:
        number: From 0.
        first_row: Number of the first row, from 1.
        texts: One a row.
        numbers: For each row, the number of its text among all distinct ones, ``[rows]``.
        new: The texts that no earlier window has, in the order of their numbers; they alone are
            embedded with this window.
        known: How many distinct texts earlier windows have: the number of the first new one.
        columns: Each row as JSON, where the input's columns are kept.
        column: That of the text.
    """

    number: int
    first_row: int
    texts: list[str]
    numbers: NDArray[np.int64]
    new: list[str]
    known: int
    columns: list[str] = field(default_factory=list)
    column: str = "text"

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
    texts: Iterable[str | TextRow],
    seen: DistinctTexts,
    *,
    keep_columns: bool = False,
    taken: Collection[str] = (EMBEDDING,),
) -> Iterator[Window]:
    """Cut texts into windows of 4,096 rows, or of 16 million characters where that is less.

    Of pictures and sounds, the bytes count that they are decoded to.

    Args:
        texts: One a row.
        seen: What knows the texts that came before.
        keep_columns: Whether the columns of each row go with it.
        taken: Names that none of these columns may have.
    """
    first_row = 1
    for number, (rows, columns, column) in enumerate(_cut(texts, taken if keep_columns else None)):
        known = seen.count
        numbers, new = seen.numbers(rows)
        yield Window(number, first_row, rows, numbers, new, known, columns, column)
        first_row += len(rows)


def _cut(
    texts: Iterable[str | TextRow], taken: Collection[str] | None
) -> Iterator[tuple[list[str], list[str], str]]:
    """Return texts, beside them their rows as JSON where these are kept, and the texts' column."""
    column = "text"
    rows: list[str] = []
    columns: list[str] = []
    characters = 0
    for item in texts:
        row = item if isinstance(item, TextRow) else TextRow(item, {"text": item})
        rows.append(row.text)
        characters += len(row.text) + row.held
        column = row.column
        if taken is not None:
            columns.append(as_json(row.columns, taken))
            characters += len(columns[-1])
        if len(rows) == ROWS or characters >= CHARACTERS:
            yield rows, columns, column
            rows, columns, characters = [], [], 0
    if rows:
        yield rows, columns, column
