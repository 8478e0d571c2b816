"""Rows in tokens: made once, before the first step, and read in every epoch."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sentemb.encoders.tokenising import Tokens

logger = logging.getLogger("sentemb")


def number_of(text: str) -> int:
    """Number a text, the same in every batch, run and process."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


class TokenisedText(NamedTuple):
    """A text of a row, as the collator needs it.

    Args:
        ids: Its tokens, its prompt's before them.
        number: Of the text, as `number_of` gives it.
    """

    ids: NDArray[np.int32]
    number: int


@dataclass(frozen=True)
class TokenisedColumn:
    """A column of texts in tokens.

    Args:
        ids: Of all rows, one after another.
        ends: Where each row's end, a 0 before the first.
        numbers: Of each row's text, as `number_of` gives it.
    """

    ids: NDArray[np.int32]
    ends: NDArray[np.int64]
    numbers: NDArray[np.int64]

    def __getitem__(self, rows: Sequence[int]) -> list[TokenisedText]:
        """Return the texts of some rows."""
        places = np.asarray(rows)
        starts, ends = self.ends[places].tolist(), self.ends[places + 1].tolist()
        numbers = self.numbers[places].tolist()
        return [
            TokenisedText(self.ids[start:end], number)
            for start, end, number in zip(starts, ends, numbers, strict=True)
        ]


TokenisedRows = Mapping[str, TokenisedColumn]
"""By column; a column whose every view edits the text itself is not among them."""


class ColumnWriter:
    """Keeps the tokens of a column in a temporary file, which takes no memory that others need.

    Args:
        blank: The tokens of an empty text.
    """

    def __init__(self, blank: Sequence[int]) -> None:
        self._blank = blank
        self._lengths: list[NDArray[np.int64]] = [np.zeros(1, np.int64)]
        self._numbers: list[NDArray[np.int64]] = []
        self._file: Any = None
        self._full = False

    def __enter__(self) -> "ColumnWriter":
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; what is mapped of it stays until it is not used any more."""
        if self._file is not None:
            self._file.close()

    def add(self, tokens: Tokens) -> None:
        """Append rows; if the disk is full, nothing is kept, with one warning."""
        if self._full:
            return
        known = zip(tokens.texts, tokens.ids, strict=True)
        ids = [ids if text else self._blank for text, ids in known]
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))[tokens.rows]
        flat = chain.from_iterable(ids[row] for row in tokens.rows)
        try:
            if self._file is None:
                self._file = TemporaryFile(prefix="sentemb-")  # noqa: SIM115 -- as long as this
            self._file.write(np.fromiter(flat, np.int32, lengths.sum()).data)
            self._file.flush()
        except OSError as error:
            self._full = True
            logger.warning(
                "The tokens of the rows cannot be kept in the temporary folder (%s), so each batch "
                "is tokenised when it is read, which is slower. Set TMPDIR to a folder with room.",
                error.strerror,
            )
            return
        self._lengths.append(lengths)
        numbers = np.fromiter(map(number_of, tokens.texts), np.int64, len(tokens.texts))
        self._numbers.append(numbers[tokens.rows])

    def column(self) -> TokenisedColumn | None:
        """Return what was added, or None where it could not be kept."""
        if self._full or not self._numbers:
            return None
        ends = np.concatenate(self._lengths).cumsum()
        ids: NDArray[np.int32] = np.empty(0, np.int32)
        if ends[-1]:
            ids = np.asarray(np.memmap(self._file, np.int32, "r"))
        return TokenisedColumn(ids, ends, np.concatenate(self._numbers))
