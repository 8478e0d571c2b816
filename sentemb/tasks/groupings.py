"""Ways to group unit vectors: k-means on the sphere, threshold communities, HDBSCAN."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sentemb.tasks.nearest import pairs_above
from sentemb.types import Vectors

Labels = NDArray[np.int64]
Grouping = Callable[[Vectors, int], Labels]
"""From unit vectors and a seed to the group of each row; -1 where it is in none."""
BLOCK = 16_384
MOST_STEPS = 100
SHARE = 0.8
"""Of the rows that each run for the stability sees."""


@dataclass(frozen=True)
class KMeans:
    """k-means on the sphere: rows go to the centre of greatest cosine, centres have length 1.

    Args:
        clusters: How many centres.
        starts: Runs from other centres (k-means++), of which the best is taken.

    Source: Dhillon and Modha, 2001, spherical k-means; Arthur and Vassilvitskii, 2007, for the
        start.
    """

    clusters: int
    starts: int = 4

    def __call__(self, vectors: Vectors, seed: int) -> Labels:
        """Return the cluster of each row."""
        seeds = np.random.default_rng(seed).integers(2**31, size=self.starts)
        runs = [self._run(vectors, int(each)) for each in seeds]
        return max(runs, key=lambda run: run[1])[0]

    def _run(self, vectors: Vectors, seed: int) -> tuple[Labels, float]:
        """Return the clusters from one start, and the sum of cosines with the centres."""
        from sklearn.cluster import kmeans_plusplus

        centres, _ = kmeans_plusplus(vectors, self.clusters, random_state=seed)
        placed = place(vectors, centres)
        for _ in range(MOST_STEPS):
            labels = placed.labels.copy()
            empty = np.setdiff1d(np.arange(self.clusters), labels)
            labels[np.argsort(placed.cosines)[: len(empty)]] = empty  # the worst rows begin anew
            placed = place(vectors, centres_of(vectors, labels))
            if (placed.labels == labels).all():
                break
        return placed.labels, float(placed.cosines.sum())


@dataclass(frozen=True)
class Communities:
    """Rows around a row: all that are as similar to it as a threshold, the largest group first.

    Args:
        threshold: Least cosine with the row in the middle.
        min_size: Rows of the smallest community.

    Source: sentence-transformers' ``community_detection``. Deviation: a row that is in a community
        is no longer counted for the next, which is looked for around rows that are in none.
    """

    threshold: float
    min_size: int

    def __call__(self, vectors: Vectors, seed: int) -> Labels:
        """Return the community of each row; the seed changes nothing."""
        near = np.ones(len(vectors), np.int64)
        for one, other, _ in pairs_above(vectors, self.threshold):
            near += np.bincount(one, minlength=len(near)) + np.bincount(other, minlength=len(near))
        labels = np.full(len(vectors), -1, np.int64)
        for row in np.argsort(-near, kind="stable"):
            if near[row] < self.min_size:
                break
            if labels[row] >= 0:
                continue
            free = np.flatnonzero(labels < 0)
            members = free[vectors[free] @ vectors[row] >= self.threshold]
            if len(members) >= self.min_size:
                labels[members] = labels.max() + 1
        return labels


@dataclass(frozen=True)
class HDBSCAN:
    """Dense regions of any shape, by scikit-learn; time grows with the square of the rows.

    Args:
        min_size: Rows of the smallest cluster.

    Source: Campello et al., 2013.
    """

    min_size: int

    def __call__(self, vectors: Vectors, seed: int) -> Labels:
        """Return the cluster of each row; the seed changes nothing."""
        import sklearn.cluster

        if len(vectors) < self.min_size:
            return np.full(len(vectors), -1, np.int64)
        found = sklearn.cluster.HDBSCAN(min_cluster_size=self.min_size, copy=True)
        labels: Labels = found.fit_predict(vectors).astype(np.int64)
        return labels


@dataclass(frozen=True)
class Placed:
    """Rows at the nearest centre.

    Args:
        labels: The centre of greatest cosine with each row.
        cosines: That cosine.
        second: The cosine with the next centre; 0 where there is none.
    """

    labels: Labels
    cosines: NDArray[np.float64]
    second: NDArray[np.float64]


def place(vectors: Vectors, centres: Vectors) -> Placed:
    """Find the two nearest centres of each row, in blocks."""
    parts = []
    for start in range(0, len(vectors), BLOCK):
        cosines = vectors[start : start + BLOCK] @ centres.T
        rows, labels = np.arange(len(cosines)), cosines.argmax(axis=1)
        greatest = cosines[rows, labels]
        cosines[rows, labels] = -np.inf
        second = cosines.max(axis=1) if len(centres) > 1 else np.zeros(len(rows))
        parts.append((labels, greatest, second))
    labels, greatest, second = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Placed(labels, greatest.astype(np.float64), second.astype(np.float64))


def centres_of(vectors: Vectors, labels: Labels) -> Vectors:
    """Return the mean of each group's rows at length 1; rows of -1 are left out."""
    from scipy.sparse import csr_array

    rows = np.flatnonzero(labels >= 0)
    members = csr_array(
        (np.ones(len(rows), np.float32), (labels[rows], rows)),
        shape=(int(labels.max()) + 1, len(vectors)),
    )
    sums = np.asarray(members @ vectors)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    centres: Vectors = (sums / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return centres


def by_size(labels: Labels) -> Labels:
    """Number groups from 0, the largest first; -1 stays.

    Example:
        >>> by_size(np.array([5, 2, 2, -1])).tolist()
        [1, 0, 0, -1]
    """
    known, group, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    sizes = np.where(known < 0, 0, sizes)
    rank = np.argsort(np.argsort(-sizes, kind="stable"))
    return np.where(labels < 0, -1, rank[group])


def stability(vectors: Vectors, grouping: Grouping, seeds: int) -> float | None:
    """Return the mean adjusted Rand index of runs on other rows and from other starts.

    Each run groups 80 % of the rows, drawn by its seed; the others go to the nearest centre. 1 is
    the same clusters every time, 0 is chance.

    Args:
        vectors: Unit vectors.
        grouping: How they are grouped.
        seeds: Runs.

    Returns:
        None where a run finds no group.
    """
    from sklearn.metrics import adjusted_rand_score

    runs = []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        drawn = np.sort(random.permutation(len(vectors))[: round(SHARE * len(vectors))])
        labels = grouping(vectors[drawn], seed)
        if labels.max() < 0:
            return None
        runs.append(place(vectors, centres_of(vectors[drawn], labels)).labels)
    return float(np.mean([adjusted_rand_score(*pair) for pair in combinations(runs, 2)]))
