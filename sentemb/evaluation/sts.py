"""Semantic textual similarity: does the cosine rank pairs as people do?"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr

from sentemb.errors import InputError
from sentemb.functional import alignment, uniformity
from sentemb.types import Encode, Vectors

Numbers = NDArray[np.float64]


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
        sentences = list(dict.fromkeys([*self.sentences1, *self.sentences2]))
        vectors = np.asarray(encode(sentences), dtype=np.float32)
        row = {sentence: number for number, sentence in enumerate(sentences)}
        x = vectors[[row[sentence] for sentence in self.sentences1]]
        y = vectors[[row[sentence] for sentence in self.sentences2]]
        cosines = _cosine_of_pairs(x, y)
        gold = np.asarray(self.scores, dtype=np.float64)
        result = {
            "spearman": _percent(spearmanr, cosines, gold),
            "pearson": _percent(pearsonr, cosines, gold),
        }
        if self.subsets is not None:
            result |= _over_subsets(cosines, gold, np.asarray(self.subsets))
        return result | _geometry(vectors, x[gold > 4], y[gold > 4])


def _cosine_of_pairs(x: Vectors, y: Vectors) -> Numbers:
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    norms = np.linalg.norm(x64, axis=1) * np.linalg.norm(y64, axis=1)
    cosines: Numbers = np.zeros(len(x))
    np.divide((x64 * y64).sum(axis=1), norms, out=cosines, where=norms > 0)
    return cosines


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
    names, sizes = np.unique(subsets, return_counts=True)
    each = [_percent(spearmanr, cosines[subsets == n], gold[subsets == n]) for n in names]
    return {
        "spearman_mean": float(np.mean(each)),
        "spearman_wmean": float(np.average(each, weights=sizes)),
    }


def _geometry(vectors: Vectors, x: Vectors, y: Vectors) -> dict[str, float]:
    """SimCSE's convention: alignment of gold > 4, uniformity of all unique sentences."""
    result = {"uniformity": float(uniformity(torch.from_numpy(vectors)))}
    if len(x):
        result["alignment"] = float(alignment(torch.from_numpy(x), torch.from_numpy(y)))
    return result
