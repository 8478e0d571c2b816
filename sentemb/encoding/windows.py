"""Rows of texts, window by window: what is embedded together whatever happened before."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sentemb.encoding.first_seen import FirstSeen

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
    """

    number: int
    first_row: int
    texts: list[str]
    numbers: NDArray[np.int64]
    new: list[str]

    @property
    def empty_rows(self) -> int:
        """How many rows have no text."""
        return sum(not text.strip() for text in self.texts)

    @cached_property
    def digest(self) -> str:
        """Hash of the texts and their numbers, in hex: a part holds for these alone."""
        return digest(self.texts, self.numbers)

    def row_of(self, text: str) -> int:
        """Return the number of the first row with a text."""
        return self.first_row + self.texts.index(text)


def windows(texts: Iterable[str], seen: FirstSeen) -> Iterator[Window]:
    """Cut texts into windows of 4,096 rows, or of 16 million characters where that is less."""
    first_row = 1
    for number, rows in enumerate(_cut(texts)):
        numbers, new = seen.numbers(rows)
        yield Window(number, first_row, rows, numbers, new)
        first_row += len(rows)


def _cut(texts: Iterable[str]) -> Iterator[list[str]]:
    rows: list[str] = []
    characters = 0
    for text in texts:
        rows.append(text)
        characters += len(text)
        if len(rows) == ROWS or characters >= CHARACTERS:
            yield rows
            rows, characters = [], 0
    if rows:
        yield rows


def digest(texts: Sequence[str], numbers: NDArray[np.int64]) -> str:
    """Return a hash of texts and their numbers; where one ends and the next begins matters."""
    found = hashlib.sha256(numbers.astype("<i8").tobytes())
    for text in texts:
        data = text.encode()
        found.update(len(data).to_bytes(8, "little") + data)
    return found.hexdigest()
