"""Semantic textual similarity: does the cosine rank pairs as people do?"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import InputError
from sentemb.evaluation.cosines import cosine_of_pairs, encoded_once
from sentemb.evaluation.outcome import Numbers, Outcome
from sentemb.types import Encode, Vectors


@dataclass(frozen=True)
class STS:
    """One STS task; call it with any encoder's bound ``encode``.

    Unique sentences are encoded once. The cosine of a zero vector counts as 0.

    Args:
        name: What to call it.
        sentences1: One side of each pair.
        sentences2: The other side.
        scores: Gold similarity of each pair, on a scale that ends at 5.
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

    def __call__(self, encode: Encode) -> dict[str, float]:
        """Return correlations × 100, alignment and uniformity.

        Returns:
            ``spearman`` and ``pearson`` over all pairs at once ("all"); with subsets also
            ``spearman_mean`` and ``spearman_wmean``, the plain and the size-weighted mean over
            them; ``uniformity`` of the unique sentences, and ``alignment`` of the pairs with a
            gold score above 4 where there are any.
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
        numbers |= _geometry(vectors, x[gold > 4], y[gold > 4])
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
    """SimCSE's convention: alignment of gold > 4, uniformity of all unique sentences."""
    import torch

    from sentemb.functional import alignment, uniformity

    result = {"uniformity": float(uniformity(torch.from_numpy(vectors)))}
    if len(x):
        result["alignment"] = float(alignment(torch.from_numpy(x), torch.from_numpy(y)))
    return result
