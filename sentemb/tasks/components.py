"""Rows that are linked by pairs into groups, and the row that stands for each group."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import UsageError
from sentemb.types import Vectors

BLOCK = 1024
"""Rows whose similarities are held at once."""
MOST_SPLIT = 5_000
"""Rows of a group that can be split: all their similarities are held at once."""
Rows = NDArray[np.int64]
Pairs = tuple[Rows, Rows]
"""The two rows of each pair."""


def connected(rows: int, pairs: Iterable[Pairs]) -> Rows:
    """Return the number of each row's group: rows that pairs lead to, over any number of steps.

    Memory does not grow with the pairs. Groups are numbered by their first rows.

    Args:
        rows: How many there are.
        pairs: Linked rows, in any number of parts.

    Example:
        >>> connected(4, [(np.array([0]), np.array([2])), (np.array([2]), np.array([3]))]).tolist()
        [0, 1, 0, 0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    groups: Rows = np.arange(rows)
    for one, other in pairs:
        links = coo_array((np.ones(len(one), bool), (groups[one], groups[other])), (rows, rows))
        groups = connected_components(links, directed=False)[1].astype(np.int64)[groups]
    return numbered(groups)


def numbered(groups: Rows) -> Rows:
    """Return groups numbered from 0 in the order of their first rows."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[group]


def members_of(groups: Rows) -> Iterator[Rows]:
    """Yield the rows of each group in ascending order, groups by their numbers."""
    order = np.argsort(groups, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)


@dataclass(frozen=True)
class Inner:
    """How alike the rows of groups are.

    Args:
        smallest: The smallest similarity in each group; 1 where it has one row.
        sums: For each row, its similarities of at least the threshold within its group.
    """

    smallest: NDArray[np.float64]
    sums: NDArray[np.float64]


def inner_similarities(
    vectors: Vectors, groups: Rows, threshold: float, counts: Rows | None = None
) -> Inner:
    """Compare the rows of each group with each other, in blocks.

    Args:
        vectors: Unit vectors, ``[rows, dim]``.
        groups: Number of each row's group.
        threshold: Least similarity that counts in the sums.
        counts: How often each row counts in the sums; by default once.
    """
    weights = np.ones(len(vectors)) if counts is None else counts.astype(np.float64)
    smallest, sums = [], weights.copy()
    for members in members_of(groups):
        inside, least = vectors[members].astype(np.float64), 1.0
        for start in range(0, len(members) if len(members) > 1 else 0, BLOCK):
            some = inside[start : start + BLOCK] @ inside.T
            least = min(least, float(some.min()))
            sums[members[start : start + BLOCK]] = (
                np.where(some >= threshold, some, 0) @ weights[members]
            )
        smallest.append(least)
    return Inner(np.array(smallest), sums)


def split_complete(vectors: Vectors, groups: Rows, threshold: float) -> Rows:
    """Split groups so that any two rows of one are at least as alike as the threshold.

    Groups are joined by complete linkage: the two whose least similar rows are the most alike
    first.

    Raises:
        UsageError: When a group has more than 5,000 rows.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    split, least = np.zeros(len(groups), np.int64), inner_similarities(vectors, groups, threshold)
    for number, members in enumerate(members_of(groups)):
        if least.smallest[number] >= threshold:
            continue
        if len(members) > MOST_SPLIT:
            raise UsageError(
                f"{len(members):,} texts are one chain, and complete splits chains of at most "
                f"{MOST_SPLIT:,}: give a higher `threshold`."
            )
        inside = vectors[members].astype(np.float64)
        distances = squareform(np.maximum(1 - inside @ inside.T, 0), checks=False)
        split[members] = fcluster(linkage(distances, "complete"), 1 - threshold, "distance")
    return numbered(groups * (len(groups) + 1) + split)


def representatives(groups: Rows, worth: NDArray[np.float64]) -> Rows:
    """Return the row of each group that is worth most, the first of several.

    Example:
        >>> representatives(np.array([0, 0, 1, 1]), np.array([1.0, 2.0, 3.0, 3.0])).tolist()
        [1, 2]
    """
    order = np.lexsort((-worth, groups))
    return order[np.unique(groups[order], return_index=True)[1]]
