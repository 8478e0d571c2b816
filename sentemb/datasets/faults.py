"""Rows that are not as they should be: what is done with them, and how many there were."""

from bisect import bisect_right
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Literal, get_args

from sentemb.errors import UsageError

Errors = Literal["strict", "replace", "skip"]
FIRST = 5
"""How many rows of a kind are named."""


@dataclass
class Found:
    """Rows of a kind.

    Args:
        rows: How many.
        first: The numbers of the first five.
    """

    rows: int = 0
    first: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._last = 0

    def add(self, number: int) -> None:
        """Count a row, once, however often it is found; rows come in their order."""
        if number == self._last:
            return
        self._last = number
        self.rows += 1
        if len(self.first) < FIRST:
            self.first.append(number)


@dataclass
class Faults:
    """How invalid text is handled, and what was found while reading.

    Args:
        errors: For a row that is not UTF-8, or holds half of a surrogate pair: ``strict`` is an
            error; ``replace`` puts U+FFFD where no character can be read; ``skip`` leaves the row
            out.

    Attributes:
        invalid: Rows that were replaced or left out; the names of the columns may be among them.
        long: Rows with a text that was cut, for it was longer than 1 MiB.
        nul: Rows with a NUL character, which stays.
        crlf: Rows with CR LF at the end of their line, or of one of their lines; the CR is dropped.
        blank_lines: Lines that are not rows, as nothing is in them; see `sentemb.datasets.files`.
        bom: Whether the file began with a byte-order mark.
        encoding: Of the file.
        separator: What stands between the fields of a table, where its name says otherwise.

    Raises:
        UsageError: When ``errors`` is something else.
    """

    errors: Errors = "strict"
    invalid: Found = field(default_factory=Found)
    long: Found = field(default_factory=Found)
    nul: Found = field(default_factory=Found)
    crlf: Found = field(default_factory=Found)
    blank_lines: Found = field(default_factory=Found)
    bom: bool = False
    encoding: str = "utf-8"
    separator: str = ""

    def __post_init__(self) -> None:
        if self.errors not in get_args(Errors):
            raise UsageError(
                f"errors must be one of {', '.join(get_args(Errors))}; got '{self.errors}'."
            )
        self._shifts: list[tuple[int, int]] = [(1, 0)]

    def came_from(self, text: int, row: int) -> None:
        """Note from which row a text came; texts come in their order, counted from 1.

        Example:
            >>> faults = Faults()
            >>> for text, row in [(1, 2), (2, 3), (3, 7)]:
            ...     faults.came_from(text, row)
            >>> faults.row_of(2), faults.row_of(3)
            (3, 7)
        """
        if row - text != self._shifts[-1][1]:
            self._shifts.append((text, row - text))

    def row_of(self, text: int) -> int:
        """Return the row that a text came from, by the file's own count."""
        return text + self._shifts[bisect_right(self._shifts, text, key=itemgetter(0)) - 1][1]
