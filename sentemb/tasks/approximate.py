"""First passes that find candidates fast, and how much of the exact answer they find."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sentemb.evaluation.bootstrap import bootstrap_average
from sentemb.evaluation.scores import Outcome, percent_mean
from sentemb.tasks.graph import Graph
from sentemb.tasks.nearest import Ids, Products, nearest, rescored
from sentemb.types import Vectors

SearchMethod = Literal["exact", "int8", "binary", "hnsw"]
SAMPLED, DEPTH = 1_000, 10
"""Rows that recall is measured on, and hits of each."""
AT_ONCE = 10_000
"""Vectors that are quantised at once."""
DISTANCES = 2_000_000
"""Distances that are sorted at once."""


class FirstPass(Protocol):
    """Finds candidates, which are ranked by their float vectors.

    Attributes:
        pool: Candidates that it finds, for each hit that is wanted.
    """

    pool: ClassVar[int]

    def candidates(self, queries: Vectors, count: int) -> Ids:
        """Return the rows that seem nearest, ``[queries, count]``; -1 where there are no more."""
        ...

    def save(self, path: Path) -> None:
        """Write a file."""
        ...


@dataclass(frozen=True)
class Int8:
    r"""Vectors in a byte a number: a quarter of the memory that has to be read.

    .. math:: \mathrm{code} = \mathrm{round}(127\, x / \max|x|)

    It stands for a matrix: a part of it is computed when it is asked for.

    Args:
        codes: ``[rows, dim]`` in int8.
        scales: What a code is multiplied by, ``[rows, 1]``.
    """

    pool: ClassVar[int] = 4
    codes: NDArray[np.int8]
    scales: Vectors

    @classmethod
    def of(cls, vectors: Vectors, before: "Int8 | None" = None) -> Self:
        """Quantise vectors, but for the first, which are known from before."""
        known = 0 if before is None else len(before)
        codes = np.empty(vectors.shape, dtype=np.int8)
        scales = np.empty((len(vectors), 1), dtype=np.float32)
        if before is not None:
            codes[:known], scales[:known] = before.codes, before.scales
        for start in range(known, len(vectors), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            greatest = np.abs(vectors[some]).max(axis=1, keepdims=True)
            scales[some] = np.where(greatest > 0, greatest, 1) / 127
            codes[some] = np.rint(vectors[some] / scales[some])
        return cls(codes, scales)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map what `save` wrote."""
        stored = np.load(path, mmap_mode="r")
        return cls(stored[:, 4:], np.ascontiguousarray(stored[:, :4]).view(np.float32))

    def save(self, path: Path) -> None:
        """Write a file: in each row the four bytes of its scale, and then its codes."""
        np.save(path, np.hstack([self.scales.view(np.int8), self.codes]))

    @property
    def shape(self) -> tuple[int, ...]:
        """As of the vectors."""
        return self.codes.shape

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Vectors:
        """Return rows as float32, each number in the middle of those that have its code."""
        vectors: Vectors = self.codes[rows] * self.scales[rows]
        return vectors

    def candidates(self, queries: Vectors, count: int) -> Ids:
        """Return the rows that seem nearest, ``[queries, count]``."""
        return nearest(queries, self, count)[1]  # type: ignore[arg-type]  # as a matrix


@dataclass(frozen=True)
class Binary:
    r"""Vectors in a bit a number, whether it is above 0: a 32nd of the memory that has to be read.

    Near are the rows with the fewest bits unlike the query's (Hamming distance), of equal ones the
    lower row.

    Args:
        bits: ``[rows, dim / 64, rounded up]``.
    """

    pool: ClassVar[int] = 32
    bits: NDArray[np.uint64]

    @classmethod
    def of(cls, vectors: Vectors, before: "Binary | None" = None) -> Self:
        """Quantise vectors, but for the first, which are known from before."""
        known = 0 if before is None else len(before.bits)
        new = range(known, len(vectors), AT_ONCE)
        packed = [_bits_of(vectors[start : start + AT_ONCE]) for start in new]
        return cls(np.concatenate([*([] if before is None else [before.bits]), *packed]))

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map what `save` wrote."""
        return cls(np.load(path, mmap_mode="r"))

    def save(self, path: Path) -> None:
        """Write a file."""
        np.save(path, self.bits)

    def distances(self, queries: Vectors) -> NDArray[np.int64]:
        """Return how many bits differ, ``[queries, rows]``.

        Example:
            >>> Binary.of(np.float32([[1, -1], [-1, 1]])).distances(np.float32([[1, 1], [2, -3]]))
            array([[1, 1],
                   [0, 2]])
        """
        asked = _bits_of(queries)
        unlike = np.zeros((len(queries), len(self.bits)), dtype=np.int64)
        for word in range(asked.shape[1]):
            unlike += np.bitwise_count(asked[:, word, None] ^ self.bits[None, :, word])
        return unlike

    def candidates(self, queries: Vectors, count: int) -> Ids:
        """Return the rows that seem nearest, ``[queries, count]``."""
        rows = len(self.bits)
        ids = np.empty((len(queries), count), dtype=np.int64)
        at_once = max(1, DISTANCES // rows)
        for start in range(0, len(queries), at_once):
            some = slice(start, start + at_once)
            place = self.distances(queries[some]) * rows + np.arange(rows)
            if count < rows:
                place = np.partition(place, count - 1, axis=1)[:, :count]
            ids[some] = np.sort(place, axis=1) % rows
        return ids


def _bits_of(vectors: Vectors) -> NDArray[np.uint64]:
    """Pack which numbers are above 0, 64 of them in each word."""
    padded = np.zeros((len(vectors), -(-vectors.shape[1] // 64) * 64), dtype=bool)
    np.greater(vectors, 0, out=padded[:, : vectors.shape[1]])
    return np.packbits(padded, axis=1).view(np.uint64)


FIRST_PASSES: dict[str, type[Int8 | Binary | Graph]] = {
    "int8": Int8,
    "binary": Binary,
    "hnsw": Graph,
}


def nearly_nearest(
    first: FirstPass, queries: Vectors, vectors: Vectors, k: int
) -> tuple[Products, Ids]:
    """Return the k best candidates of a first pass by their float vectors, as `nearest` does.

    A query for which the first pass finds too few is answered exactly.
    """
    ids = first.candidates(queries, min(first.pool * k, len(vectors)))
    short = (ids < 0).any(axis=1)
    if short.any():
        ids[short] = nearest(queries[short], vectors, ids.shape[1])[1]
    return rescored(queries, vectors, ids, k)


@dataclass(frozen=True)
class Recall:
    """The share of the exact nearest rows that a first pass finds, × 100.

    Args:
        value: A row counts as found where its score reaches the score of the last exact one.
        low: Where the 95 % interval of the value begins, over the sampled queries.
        high: Where it ends.
        by_id: The share where a row counts only for itself.
        k: Nearest rows of a query.
        queries: Rows of the corpus that were sampled.
    """

    value: float
    low: float
    high: float
    by_id: float
    k: int
    queries: int

    def __str__(self) -> str:
        return (
            f"recall@{self.k} against exact {self.value:.2f} [{self.low:.2f}, {self.high:.2f}] "
            f"on {self.queries:,} of its texts"
        )


def measure_recall(first: FirstPass, vectors: Vectors) -> Recall | None:
    """Compare a first pass with exact search on a sample of the rows; each is not its own hit.

    Returns:
        None where there is a single row.
    """
    rows = len(vectors)
    if rows < 2:
        return None
    k, sampled = min(DEPTH, rows - 1), min(SAMPLED, rows)
    own = np.sort(np.random.default_rng(0).choice(rows, sampled, replace=False))
    queries = np.ascontiguousarray(vectors[own])
    exact = _others(*nearest(queries, vectors, k + 1), own)
    found = _others(*nearly_nearest(first, queries, vectors, k + 1), own)
    by_score, by_id = recall_of(found, exact)
    outcome = Outcome({}, by_score[:, None], percent_mean)
    interval = bootstrap_average([[outcome]])
    value, low, high = interval.value, interval.low, interval.high
    return Recall(value, low, high, 100 * float(by_id.mean()), k, sampled)


def recall_of(
    found: tuple[Products, Ids], exact: tuple[Products, Ids]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the recall of each query, by scores, so that ties count, and by ids.

    Args:
        found: True scores and ids of what was found, each ``[queries, k]``.
        exact: The same of the exact answer.
    """
    (scores, ids), (best, true) = found, exact
    by_score = (scores >= best.min(axis=1, keepdims=True)).mean(axis=1)
    return by_score, (ids[:, :, None] == true[:, None, :]).any(axis=2).mean(axis=1)


def _others(scores: Products, ids: Ids, own: Ids) -> tuple[Products, Ids]:
    """Leave each query's own row out, or else the last."""
    order = np.argsort(ids == own[:, None], axis=1, kind="stable")[:, :-1]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(ids, order, 1)
