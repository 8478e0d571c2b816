"""Losses of graded pairs: similarities take the order of the scores, or the scores themselves."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.checks import (
    check_positive,
    check_scores_within,
    need_scores_not_classes,
    scores_of,
)
from sentemb.pairs import Pairs
from sentemb.types import Embeddings


@dataclass(frozen=True)
class CoSENT:
    r"""The cosines of pairs are to be in the order of their scores.

    .. math:: \log \Bigl( 1 + \sum_{y_i > y_j} e^{(\cos_j - \cos_i) / \tau} \Bigr)

    Close to Spearman's correlation, which only the order enters as well. 0 where all scores of a
    batch are equal.

    Needs: pairs, with a score for each.

    Use it: for graded pairs (STS); for pairs of classes ordered by similarity (NLI).

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, or scores are missing.

    Source: Su, 2022 (kexue.fm/archives/8847), whose λ is 1/τ.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2), labels=torch.tensor([0.0, 1.0]))
        >>> CoSENT()(pairs)  # both cosines are 1: log 2
        tensor(0.6931)
    """

    temperature: float = 0.05

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the loss of the batch, a scalar."""
        need_scores_not_classes(pairs, self)
        scores = scores_of(pairs, self)
        return _ranked(F.cosine_similarity(pairs.anchor, pairs.positive), scores, self.temperature)


@dataclass(frozen=True)
class AnglE:
    r"""CoSENT on the angle between embeddings read as complex numbers, which does not saturate.

    .. math:: \log \Bigl( 1 + \sum_{y_i > y_j} e^{(a_j - a_i) / \tau} \Bigr), \qquad
        a = \Bigl\lvert \sum_k \mathrm{Re} \, q_k + \mathrm{Im} \, q_k \Bigr\rvert, \qquad
        q = \frac{z \, \bar w}{\lVert z \rVert \lVert w \rVert}

    z and w are the two embeddings, the first half of the dimensions the real parts and the second
    the imaginary. Only this one of the paper's three objectives: add `CoSENT` and `InfoNCE` with
    `Sum` for the others.

    Needs: pairs, with a score for each; an even number of dimensions.

    Use it: as `CoSENT`, or in a sum with it.

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, scores are missing, or the dimensions are odd.

    Source: Li and Li, 2023 (arXiv:2309.12871), with the absolute value and the
        normalisation of the authors' code.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2), labels=torch.tensor([0.0, 1.0]))
        >>> AnglE()(pairs)  # both angles are 0: log 2
        tensor(0.6931)
    """

    temperature: float = 0.05

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the loss of the batch, a scalar."""
        need_scores_not_classes(pairs, self)
        scores = scores_of(pairs, self)
        dim = pairs.anchor.shape[1]
        if dim % 2:
            raise UsageError(f"AnglE needs an even number of dimensions, got {dim}.")
        return _ranked(_angle(pairs.anchor, pairs.positive), scores, self.temperature)


@dataclass(frozen=True)
class CosineSimilarity:
    r"""The cosine of each pair is to be its score.

    .. math:: \frac1N \sum_i (\cos_i - y_i)^2

    Unlike `CoSENT` it keeps the cosines of unrelated texts where the scores put them.

    Needs: pairs, with a score from −1 to 1 for each.

    Use it: where the scores are cosines themselves, as those of a teacher; for 1 and 0.

    Raises:
        UsageError: When scores are missing or out of [−1, 1].

    Source: Reimers and Gurevych, 2019 (arXiv:1908.10084), the regression objective.

    Example:
        >>> import torch
        >>> scores = torch.tensor([1.0, 0.0])
        >>> CosineSimilarity()(Pairs(torch.eye(2), torch.eye(2), labels=scores))  # (0 + 1) / 2
        tensor(0.5000)
    """

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the batch, a scalar."""
        need_scores_not_classes(pairs, self)
        scores = scores_of(pairs, self)
        self.check_labels(scores)
        return (F.cosine_similarity(pairs.anchor, pairs.positive) - scores).square().mean()

    def check_labels(self, scores: Tensor) -> None:
        """Raise unless all are in [−1, 1]; names the first pair whose score is not.

        Raises:
            UsageError: When one is not.
        """
        check_scores_within(scores, -1, 1, self)


def _angle(first: Embeddings, second: Embeddings) -> Tensor:
    z, w = (F.normalize(x, dim=1).chunk(2, dim=1) for x in (first, second))
    real = z[0] * w[0] + z[1] * w[1]
    imaginary = z[1] * w[0] - z[0] * w[1]
    return (real + imaginary).sum(dim=1).abs()


def _ranked(similarities: Tensor, scores: Tensor, temperature: float) -> Tensor:
    """Return log(1 + Σ exp((s_j − s_i)/τ)) over all i, j where i has the greater score."""
    excess = (similarities.unsqueeze(0) - similarities.unsqueeze(1)) / temperature
    wrong = excess[scores.unsqueeze(1) > scores.unsqueeze(0)]
    return torch.cat([wrong, wrong.new_zeros(1)]).logsumexp(dim=0) + 0 * similarities.sum()
