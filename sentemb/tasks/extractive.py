"""Which rows stand for all: nearest to the centre, MMR, LexRank; and how well they do."""

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import UsageError

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]
MOST_RANKED = 5_000
"""Sentences that LexRank takes, which compares each with each."""
STEPS, CLOSE = 1_000, 1e-12


def centroid(vectors: Numbers) -> Numbers:
    """Return the mean of unit vectors at length 1; zeros where they cancel out."""
    mean: Numbers = vectors.mean(axis=0)
    length = np.linalg.norm(mean)
    return mean / length if length > 0 else mean


def by_centroid(vectors: Numbers, count: int) -> Places:
    """Return the rows nearest to the centroid, the nearest first.

    Args:
        vectors: Unit vectors, ``[rows, dim]``.
        count: How many.
    """
    return _greatest(vectors @ centroid(vectors), count)


def mmr(query: Numbers, vectors: Numbers, count: int, balance: float) -> Places:
    r"""Return rows that are like the query and unlike each other, in the order of choice.

    .. math:: \arg\max_d \; \lambda \cos(d, q) - (1 - \lambda) \max_{c \in \text{chosen}} \cos(d, c)

    Args:
        query: A unit vector.
        vectors: Unit vectors, ``[rows, dim]``.
        count: How many.
        balance: λ in [0, 1]; 1 chooses by the query alone.

    Source: Carbonell and Goldstein, 1998, maximal marginal relevance.
    """
    relevance, redundancy = balance * (vectors @ query), np.zeros(len(vectors))
    chosen: list[int] = []
    for _ in range(min(count, len(vectors))):
        score = relevance - (1 - balance) * redundancy
        score[chosen] = -np.inf
        chosen.append(int(score.argmax()))
        alike = vectors @ vectors[chosen[-1]]
        redundancy = alike if len(chosen) == 1 else np.maximum(redundancy, alike)
    return np.array(chosen, dtype=np.int64)


def by_lexrank(vectors: Numbers, count: int, jump: float = 0.15) -> Places:
    """Return the rows of greatest LexRank, the greatest first.

    Raises:
        UsageError: When there are more than 5,000 rows.
    """
    if len(vectors) > MOST_RANKED:
        raise UsageError(
            f"lexrank compares each sentence with each, at most {MOST_RANKED:,}; there are "
            f"{len(vectors):,}: use centroid or mmr."
        )
    return _greatest(lexrank(vectors @ vectors.T, jump), count)


def lexrank(similarities: Numbers, jump: float = 0.15) -> Numbers:
    r"""Return how central each row is: where a walk from like to like ends up.

    .. math:: p = d / N + (1 - d) M^\top p

    M has the similarities with rows that sum to 1; negative ones count as 0.

    Args:
        similarities: Of each row with each, ``[rows, rows]``.
        jump: d in [0, 1], the probability of a step to any row.

    Returns:
        The probability of each row; they sum to 1.

    Source: Erkan and Radev, 2004, continuous LexRank.
    """
    positive = np.maximum(similarities, 0)
    walk = positive / positive.sum(axis=1, keepdims=True)
    ranks = np.full(len(walk), 1 / len(walk))
    for _ in range(STEPS):
        before, ranks = ranks, jump / len(walk) + (1 - jump) * (walk.T @ ranks)
        if np.abs(ranks - before).sum() < CLOSE:
            break
    return ranks


def coverage(vectors: Numbers, chosen: Places) -> float:
    """Return the mean over all rows of the greatest cosine with a chosen row.

    Args:
        vectors: Unit vectors of all rows.
        chosen: Rows, at least one.
    """
    return float((vectors @ vectors[chosen].T).max(axis=1).mean())


def _greatest(scores: Numbers, count: int) -> Places:
    """Return the places of the greatest scores; of equal ones the first."""
    return np.argsort(-scores.round(9), kind="stable")[:count]
