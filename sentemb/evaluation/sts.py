"""Semantic textual similarity: does the cosine rank pairs as people do?"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import InputError
from sentemb.evaluation.cosines import cosine_of_pairs, encoded_once
from sentemb.evaluation.scores import Numbers, Outcome
from sentemb.types import Encode, Vectors

SCALES = (1.0, 5.0, 10.0, 100.0)
"""Where the scales of gold scores end."""


@dataclass(frozen=True)
class STS:
    """One STS task; call it with any encoder's bound ``encode``.

    Unique sentences are encoded once. The cosine of a zero vector counts as 0.

    Args:
        name: What to call it.
        sentences1: One side of each pair.
        sentences2: The other side.
        scores: Gold similarity of each pair, on any scale: only its order enters the correlation.
        subsets: The subset of each pair, where the task has several.
        ungraded: Rows of the source that had no score and are not here.

    Raises:
        InputError: When there are fewer than two pairs, or all scores are equal.

    Source: the aggregations are compared in Gao et al., 2021 (arXiv:2104.08821).
        ``all`` is SimCSE's and SBERT's, ``mean`` DeCLUTR's, ``wmean`` BERT-flow's.
    """

    main: ClassVar[str] = "spearman"
    unit: ClassVar[str] = "pairs"

    name: str
    sentences1: Sequence[str]
    sentences2: Sequence[str]
    scores: Sequence[float]
    subsets: Sequence[str] | None = None
    ungraded: int = 0

    def __post_init__(self) -> None:
        if len(self.scores) < 2:
            raise InputError(f"{self.name}: {len(self.scores)} graded pair; at least 2 are needed.")
        if min(self.scores) == max(self.scores):
            raise InputError(
                f"{self.name}: all {len(self.scores)} scores are {self.scores[0]:g}, so no "
                "ranking can be compared with them."
            )

    @property
    def positive_above(self) -> float:
        """Score above which a pair counts as positive: 4 of 5, and as much of other scales.

        A scale ends at 1, 5, 10 or 100, the first of them that no score exceeds.
        """
        greatest = max(self.scores)
        return 0.8 * next((top for top in SCALES if greatest <= top), greatest)

    def __call__(self, encode: Encode) -> dict[str, float]:
        """Return correlations × 100, alignment and uniformity.

        Returns:
            ``spearman`` and ``pearson`` over all pairs at once ("all"); with subsets also
            ``spearman_mean`` and ``spearman_wmean``, the plain and the size-weighted mean over
            them; ``uniformity`` of the unique sentences, and ``alignment`` of the pairs with a
            gold score above `positive_above` where there are any.
        """
        return self.outcome(encode).numbers

    def outcome(self, encode: Encode) -> Outcome:
        """Return the numbers, with the cosine and the score of each pair."""
        from scipy.stats import pearsonr, spearmanr

        vectors, (x, y) = encoded_once(encode, self.sentences1, self.sentences2)
        cosines = cosine_of_pairs(x, y)
        gold = np.asarray(self.scores, dtype=np.float64)
        numbers = {
            "spearman": _percent(spearmanr, cosines, gold),
            "pearson": _percent(pearsonr, cosines, gold),
        }
        if self.subsets is not None:
            numbers |= _over_subsets(cosines, gold, np.asarray(self.subsets))
        near = gold > self.positive_above
        numbers |= _geometry(vectors, x[near], y[near])
        return Outcome(numbers, np.column_stack([cosines, gold]), _spearman_of_items)


def _spearman_of_items(items: Numbers) -> float:
    from scipy.stats import spearmanr

    return _percent(spearmanr, items[:, 0], items[:, 1])


def _percent(correlation: Callable[..., Any], cosines: Numbers, gold: Numbers) -> float:
    if np.ptp(cosines) == 0 or np.ptp(gold) == 0:
        warnings.warn(
            "All similarities or all scores are equal: their correlation counts as 0.",
            RuntimeWarning,
            stacklevel=3,
        )
        return 0.0
    return 100 * float(correlation(cosines, gold).statistic)


def _over_subsets(cosines: Numbers, gold: Numbers, subsets: NDArray[np.str_]) -> dict[str, float]:
    from scipy.stats import spearmanr

    names, sizes = np.unique(subsets, return_counts=True)
    each = [_percent(spearmanr, cosines[subsets == n], gold[subsets == n]) for n in names]
    return {
        "spearman_mean": float(np.mean(each)),
        "spearman_wmean": float(np.average(each, weights=sizes)),
    }


def _geometry(vectors: Vectors, x: Vectors, y: Vectors) -> dict[str, float]:
    """SimCSE's convention: alignment of positive pairs, uniformity of all unique sentences."""
    import torch

    from sentemb.functional import alignment, uniformity

    result = {"uniformity": float(uniformity(torch.from_numpy(vectors)))}
    if len(x):
        result["alignment"] = float(alignment(torch.from_numpy(x), torch.from_numpy(y)))
    return result
