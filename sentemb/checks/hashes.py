"""Texts by their hashes: eight bytes each, so that millions of rows fit."""

from array import array
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from sentemb.datasets.faults import FIRST, Found

Numbers = NDArray[np.uint64]
Mask = NDArray[np.bool_]


def hashed(*texts: str) -> int:
    """Return 64 bits of texts in their order; two in ten million differ and agree once in 300,000.

    Example:
        >>> hashed("a", "b") == hashed("ab", "")
        False
    """
    state = blake2b(digest_size=8)
    for text in texts:
        state.update(text.encode(errors="surrogatepass") + b"\xff")  # no byte of UTF-8
    return int.from_bytes(state.digest(), "little")


def normalised(text: str) -> str:
    r"""Return a text without what case and spaces tell apart.

    Example:
        >>> normalised(" A  man\t")
        'a man'
    """
    return " ".join(text.casefold().split())


class Seen:
    """The rows of a file: their numbers, the hashes of their texts, and of each text.

    Args:
        texts: How many a row has.
    """

    def __init__(self, texts: int) -> None:
        self._numbers, self._exact, self._rows, self._labels = (array("Q") for _ in range(4))
        self._texts = [array("Q") for _ in range(texts)]

    def add(self, number: int, texts: Sequence[str], label: str | None) -> None:
        """Add a row."""
        alike = [normalised(text) for text in texts]
        self._numbers.append(number)
        self._exact.append(hashed(*texts))
        self._rows.append(hashed(*alike))
        self._labels.append(0 if label is None else hashed(label))
        for column, text in zip(self._texts, alike, strict=True):
            column.append(hashed(text) if text else 0)

    @property
    def rows(self) -> Numbers:
        """A number for the normalised texts of each row."""
        return _numpy(self._rows)

    @property
    def texts(self) -> list[Numbers]:
        """A number for each normalised text, a column after the other; 0 where it is blank."""
        return [_numpy(column) for column in self._texts]

    def found(self, mask: Mask) -> Found:
        """Return which rows a mask is about."""
        numbers = _numpy(self._numbers)[mask]
        return Found(int(mask.sum()), [int(number) for number in numbers[:FIRST]])

    def duplicates(self) -> tuple[Found, Found]:
        """Return the rows that repeat an earlier one exactly, and those that do but for case."""
        exact, alike = repeats(_numpy(self._exact)), repeats(self.rows)
        return self.found(exact & self._written()), self.found(alike & ~exact & self._written())

    def contradictions(self) -> Found:
        """Return the rows that repeat an earlier one with another label."""
        labels = _numpy(self._labels)
        labelled = np.flatnonzero(labels)
        rows = self.rows[labelled]
        with_label = rows ^ (labels[labelled] * np.uint64(0x9E3779B97F4A7C15))
        mask = np.zeros(len(labels), dtype=np.bool_)
        mask[labelled] = repeats(rows) & ~repeats(with_label)
        return self.found(mask & self._written())

    def _written(self) -> Mask:
        """Return which rows have a text that is not blank."""
        written: Mask = np.logical_or.reduce([column != 0 for column in self.texts])
        return written

    def distinct(self) -> int:
        """Return how many texts differ."""
        written = [column[column != 0] for column in self.texts]
        return len(np.unique(np.concatenate(written))) if written else 0


def repeats(hashes: Numbers) -> Mask:
    """Return which numbers have been there before.

    Example:
        >>> repeats(np.array([3, 1, 3, 3], dtype=np.uint64)).tolist()
        [False, False, True, True]
    """
    order = np.argsort(hashes, kind="stable")
    in_order = hashes[order]
    found = np.zeros(len(hashes), dtype=np.bool_)
    found[order[1:]] = in_order[1:] == in_order[:-1]
    return found


def _numpy(numbers: "array[int]") -> Numbers:
    return np.frombuffer(numbers, dtype=np.uint64) if numbers else np.empty(0, dtype=np.uint64)
