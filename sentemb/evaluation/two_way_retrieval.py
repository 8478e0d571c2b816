"""Retrieval between texts and what they describe, with several texts for one and one for several.

The rule is exact, and ties count against the model: one that gives everything the same vector finds
nothing.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import InputError, NumericError
from sentemb.evaluation.scores import Outcome, percent_mean
from sentemb.types import Vectors

CUTOFFS = (1, 5, 10)
AT_ONCE = 2**22
"""Scores that are held at once."""

Owned = Sequence[NDArray[np.int64]]
"""For each query, the places of the documents that answer it."""


@dataclass(frozen=True)
class Ranks:
    """Where each query's best answer came.

    Args:
        ranks: Counted from 1, ``[queries]``.
        answers: How many answers each query has, ``[queries]``.
        documents: How many documents there are.
    """

    ranks: NDArray[np.int64]
    answers: NDArray[np.int64]
    documents: int

    def recall(self, k: int) -> float:
        """Return the share of queries with an answer among the first k (R@k), × 100."""
        return 100 * float((self.ranks <= k).mean())

    def chance(self, k: int) -> float:
        r"""Return what a random order would have, × 100.

        .. math:: 1 - \binom{T - c}{k} / \binom{T}{k}

        of T documents and c answers, averaged over the queries.
        """
        missed = np.ones(len(self.answers))
        for taken in range(min(k, self.documents)):
            left = np.maximum(self.documents - self.answers - taken, 0)
            missed *= left / (self.documents - taken)
        return 100 * float((1 - missed).mean())

    def numbers(self) -> dict[str, float]:
        """Return R@1, R@5, R@10 and the median rank, by name, and the chance level of each R."""
        found = {f"r{k}": round(self.recall(k), 4) for k in CUTOFFS}
        found["median_rank"] = float(np.median(self.ranks))
        return found | {f"r{k}_chance": round(self.chance(k), 4) for k in CUTOFFS}


def ranks_of(scores: NDArray[np.floating], answers: Owned) -> NDArray[np.int64]:
    r"""Return the rank of each query's best answer.

    .. math:: 1 + |\{ d \text{ no answer}: s_{qd} \ge \max_{a \text{ answer}} s_{qa} \}|

    A score that is not a number counts against the model, as ties do.

    Args:
        scores: Of each query with each document, ``[queries, documents]``.
        answers: Of each query.

    Example:
        >>> ranks_of(np.array([[0.9, 0.2, 0.9]]), [np.array([0])])
        array([2])
    """
    found = []
    for row, own in zip(scores, answers, strict=True):
        others = np.delete(row, own)
        found.append(1 + int((~(others < row[own].max())).sum()))
    return np.array(found, dtype=np.int64)


def cross_modal_ranks(queries: Vectors, documents: Vectors, answers: Owned) -> Ranks:
    """Rank documents for queries by their dot products, a block of queries at a time.

    Args:
        queries: ``[queries, dim]``, of length 1.
        documents: ``[documents, dim]``, of length 1.
        answers: Of each query; at least one.
    """
    step = max(1, AT_ONCE // max(1, len(documents)))
    parts = [
        ranks_of(queries[start : start + step] @ documents.T, answers[start : start + step])
        for start in range(0, len(queries), step)
    ]
    counts = np.array([len(own) for own in answers], dtype=np.int64)
    return Ranks(np.concatenate(parts), counts, len(documents))


@dataclass(frozen=True)
class Pairing:
    """Which texts belong to which pictures: a row for each pair.

    Args:
        others: The number of each row's picture or sound.
        texts: The text of each row.
    """

    others: Sequence[Hashable]
    texts: Sequence[Hashable]

    def distinct(self) -> tuple[list[Any], list[Any]]:
        """Return the distinct pictures and the distinct texts, each as they first come."""
        return list(dict.fromkeys(self.others)), list(dict.fromkeys(self.texts))

    def answers(self) -> tuple[Owned, Owned]:
        """Return the texts of each distinct picture, and the pictures of each distinct text."""
        others, texts = self.distinct()
        at = {text: place for place, text in enumerate(texts)}
        where = {number: place for place, number in enumerate(others)}
        of_others: list[set[int]] = [set() for _ in others]
        of_texts: list[set[int]] = [set() for _ in texts]
        for number, text in zip(self.others, self.texts, strict=True):
            of_others[where[number]].add(at[text])
            of_texts[at[text]].add(where[number])

        def sorted_arrays(sets: list[set[int]]) -> Owned:
            return [np.array(sorted(each), dtype=np.int64) for each in sets]

        return sorted_arrays(of_others), sorted_arrays(of_texts)


def retrieval_both_ways(
    others: Vectors,
    texts: Vectors,
    pairing: Pairing,
    modality: str = "picture",
    first: str = "text",
) -> dict[str, float]:
    """Return the numbers of both directions, as ``picture_to_text_r10``.

    Args:
        others: Vectors of the distinct pictures or sounds, of length 1.
        texts: Vectors of the distinct texts, of length 1.
        pairing: What belongs to what.
        modality: What the others are called.
        first: The modality of the texts, where these are something else.

    Raises:
        NumericError: When a vector is not finite.
    """
    require_finite(others, modality)
    require_finite(texts, first)
    of_others, of_texts = pairing.answers()
    ways = {
        f"{modality}_to_{first}": cross_modal_ranks(others, texts, of_others),
        f"{first}_to_{modality}": cross_modal_ranks(texts, others, of_texts),
    }
    return {f"{way}_{k}": v for way, ranks in ways.items() for k, v in ranks.numbers().items()}


@dataclass(frozen=True)
class TwoWayRetrieval:
    """One task of two modalities that find each other.

    The model need not have been trained on pairs of the two: where it was trained on pictures with
    texts and on pictures with sounds, what texts and sounds find is emergent.

    Args:
        name: What to call it.
        sides: What both are, such as ``("text", "picture")``.
        firsts: What stands first in each row: a text, a file, or what is in it.
        seconds: What belongs to it. Equal ones are one.

    Raises:
        InputError: When there is none.

    Source: Girdhar et al., 2023 (arXiv:2305.05665) for emergent retrieval; the exact rule and its
    chance levels are this project's.
    """

    main: ClassVar[str] = "r10"
    unit: ClassVar[str] = "queries"

    name: str
    sides: tuple[str, str]
    firsts: Sequence[Hashable]
    seconds: Sequence[Hashable]

    def __post_init__(self) -> None:
        if not self.firsts:
            raise InputError(f"{self.name} holds no pair of {self.sides[0]} and {self.sides[1]}.")

    def outcome(
        self, encode: Callable[[list[Any]], Vectors], encode_seconds: Callable[[list[Any]], Vectors]
    ) -> Outcome:
        """Return the numbers of both ways, and which of the firsts find one of theirs among ten.

        Args:
            encode: Of the firsts.
            encode_seconds: Of the seconds.

        Raises:
            NumericError: When a vector is not finite.

        Returns:
            ``r10``, the share, × 100, of firsts with an answer among the nearest ten seconds, and
            what `retrieval_both_ways` has, chance levels included.
        """
        pairing = Pairing(self.seconds, self.firsts)
        seconds, firsts = pairing.distinct()
        z1, z2 = (unit(found) for found in (encode(firsts), encode_seconds(seconds)))
        for side, found in zip(self.sides, (z1, z2), strict=True):
            require_finite(found, f"{side} of {self.name}")
        ranks = cross_modal_ranks(z1, z2, pairing.answers()[1]).ranks
        items = (ranks <= CUTOFFS[-1]).astype(np.float64)[:, None]
        both = retrieval_both_ways(z2, z1, pairing, self.sides[1], self.sides[0])
        return Outcome({"r10": percent_mean(items)} | both, items, percent_mean)


def require_finite(vectors: Vectors, what: str) -> None:
    """Raise where a vector is not finite: its order among others has no meaning.

    Args:
        vectors: ``[rows, dim]``.
        what: What each is of.

    Raises:
        NumericError: Names what it is of.
    """
    if not np.isfinite(vectors).all():
        raise NumericError(
            f"The embedding of a {what} is not finite: the model's weights are damaged."
        )


def unit(vectors: Vectors) -> Vectors:
    """Return vectors at length 1; one of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    return scaled
