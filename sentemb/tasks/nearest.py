"""Exact neighbours by blocks: memory does not grow with the product of queries and rows."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import UsageError
from sentemb.types import Vectors
from sentemb.values import require_at_least

Ids = NDArray[np.int64]
Products = NDArray[np.float64]
QUERIES, ROWS = 256, 16_384
"""How many queries are compared with how many rows at once."""
GROUP = 64
"""Similarities of which the greatest is compared first."""
AT_ONCE = 8_192
"""Pairs that are multiplied in float64 at once."""


def nearest(
    queries: Vectors,
    corpus: Vectors,
    k: int,
    *,
    rows: Ids | None = None,
    progress: Callable[[int], object] = lambda queries: None,
) -> tuple[Products, Ids]:
    """Return the k rows of greatest dot product with each query, greatest first.

    Of equal products the lower row comes first. A product of matrices in float32 finds the
    candidates; each is multiplied again in float64, so that neither scores nor order depend on the
    sizes of the blocks.

    Args:
        queries: Of length at most 1, ``[queries, dim]``.
        corpus: The same, ``[rows, dim]``; it may be mapped from a file.
        k: How many rows to find.
        rows: Numbers of the rows that may be found, ascending; by default all.
        progress: Called with the number of queries done.

    Returns:
        Scores and row numbers, each ``[queries, k]``.

    Raises:
        UsageError: When there are fewer than k rows, or the widths differ.

    Example:
        >>> scores, ids = nearest(np.float32([[1]]), np.float32([[0.5], [1], [1], [0]]), 3)
        >>> ids.tolist()
        [[1, 2, 0]]
    """
    count = len(corpus) if rows is None else len(rows)
    require_at_least(1, k=k)
    _require_one_width(queries, corpus)
    if k > count:
        raise UsageError(f"k must be at most {count:,}, the number of rows to search; got {k:,}.")
    scores, ids = np.empty((len(queries), k)), np.empty((len(queries), k), dtype=np.int64)
    for start in range(0, len(queries), QUERIES):
        some = slice(start, start + QUERIES)
        scores[some], ids[some] = _nearest(queries[some], corpus, k, rows, count)
        progress(min(start + QUERIES, len(queries)))
    return scores, ids


def rescored(queries: Vectors, corpus: Vectors, ids: Ids, k: int) -> tuple[Products, Ids]:
    """Rank candidates by their dot products in float64, of equal ones the lower row first.

    Args:
        queries: ``[queries, dim]``.
        corpus: ``[rows, dim]``.
        ids: Candidates of each query, at least k, ``[queries, candidates]``.
        k: How many to keep.

    Example:
        >>> rescored(np.float32([[1]]), np.float32([[0.5], [1], [1]]), np.array([[2, 0, 1]]), 2)[1]
        array([[1, 2]])
    """
    at = np.repeat(np.arange(len(queries)), ids.shape[1])
    products = _products(queries, corpus, at, ids.ravel()).reshape(ids.shape)
    order = np.lexsort((ids, -products))[:, :k]
    return np.take_along_axis(products, order, 1), np.take_along_axis(ids, order, 1)


def pairs_above(
    vectors: Vectors, threshold: float, *, against: Vectors | None = None
) -> Iterator[tuple[Ids, Ids, Products]]:
    """Yield the pairs of rows whose dot product reaches a threshold, block by block.

    Args:
        vectors: Of length at most 1, ``[rows, dim]``.
        threshold: The least product.
        against: Pair each row with the rows of this matrix; by default with the later rows of
            ``vectors``.

    Yields:
        First rows, second rows and products, in ascending order within a block.

    Raises:
        UsageError: When the widths differ.

    Example:
        >>> [(i.tolist(), j.tolist()) for i, j, _ in pairs_above(np.float32([[1], [0], [1]]), 0.9)]
        [([0], [2])]
    """
    others = vectors if against is None else against
    _require_one_width(vectors, others)
    for start in range(0, len(vectors), QUERIES):
        some = np.ascontiguousarray(vectors[start : start + QUERIES])
        first = 0 if against is not None else start
        floor = np.full(len(some), threshold - _rounding(some))
        for begin in range(first, len(others), ROWS):
            block = np.asarray(others[begin : begin + ROWS])
            at, column = _reaching(some @ block.T, floor)
            if against is None:
                later = start + at < begin + column
                at, column = at[later], column[later]
            products = _products(some, block, at, column)
            kept = products >= threshold
            if kept.any():
                yield start + at[kept], begin + column[kept], products[kept]


def _require_one_width(one: Vectors, other: Vectors) -> None:
    if one.shape[1] != other.shape[1]:
        raise UsageError(
            f"Vectors of {one.shape[1]} and of {other.shape[1]} numbers cannot be compared: encode "
            "both with one model."
        )


def _nearest(
    queries: Vectors, corpus: Vectors, k: int, rows: Ids | None, count: int
) -> tuple[Products, Ids]:
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    scores = np.full((len(queries), k), -np.inf)
    ids = np.full((len(queries), k), -1, dtype=np.int64)
    for start in range(0, count, ROWS):
        stop = min(start + ROWS, count)
        numbers = np.arange(start, stop) if rows is None else rows[start:stop]
        block = np.asarray(corpus[start:stop] if rows is None else corpus[numbers])
        similarities = queries @ block.T
        least = scores[:, -1]
        if start == 0 and k < stop:
            least = np.partition(similarities, stop - k, axis=1)[:, stop - k]
        at, column = _reaching(similarities, least - _rounding(queries))
        products = _products(queries, block, at, column)
        scores, ids = _merged(scores, ids, at, products, numbers[column])
    return scores, ids


def _rounding(vectors: Vectors) -> float:
    """Return twice how far a product in float32 may be off, for vectors of length at most 1."""
    return float(2 * vectors.shape[1] * np.finfo(np.float32).eps)


def _reaching(similarities: Vectors, floor: NDArray[np.floating]) -> tuple[Ids, Ids]:
    """Return row and column of all similarities that reach their row's floor, in order.

    Few do, so the greatest of each group of columns is looked at first.
    """
    columns = similarities.shape[1]
    greatest = np.maximum.reduceat(similarities, np.arange(0, columns, GROUP), axis=1)
    at, group = np.nonzero(greatest >= floor[:, None])
    column = group[:, None] * GROUP + np.arange(GROUP)
    found = similarities[at[:, None], np.minimum(column, columns - 1)] >= floor[at, None]
    place, offset = np.nonzero(found & (column < columns))
    return at[place], column[place, offset]


def _products(one: Vectors, other: Vectors, at: Ids, column: Ids) -> Products:
    """Multiply pairs of rows in float64, each by itself."""
    products = np.empty(len(at))
    for start in range(0, len(at), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        pairs = one[at[some]].astype(np.float64) * other[column[some]]
        products[some] = pairs.sum(axis=1)
    return products


def _merged(
    scores: Products, ids: Ids, at: Ids, products: Products, numbers: Ids
) -> tuple[Products, Ids]:
    """Keep the greatest of what was known of each query and what was found."""
    queries, k = scores.shape
    owner = np.concatenate([np.repeat(np.arange(queries), k), at])
    scores, ids = np.append(scores, products), np.append(ids, numbers)
    order = np.lexsort((ids, -scores, owner))
    rank = np.arange(len(order)) - np.searchsorted(owner[order], owner[order])
    kept = order[rank < k].reshape(queries, k)
    return scores[kept], ids[kept]
