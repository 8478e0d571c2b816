"""VICReg: variance, invariance, covariance."""

from dataclasses import dataclass

from torch import Tensor

from sentemb.losses.checks import check_not_negative, need_two_rows
from sentemb.pairs import Pairs
from sentemb.types import Embeddings

EPSILON = 1e-4


@dataclass(frozen=True)
class VICReg:
    r"""Matching embeddings equal, every dimension spread, no two dimensions correlated.

    .. math:: \frac{\lambda}{ND} \sum_i \lVert x_i - y_i \rVert^2
        + \frac{\mu}{2} \sum_{z \in \{x, y\}} \frac1D \sum_d \max(0, 1 - \sigma_d(z))
        + \nu \sum_{z \in \{x, y\}} \frac1D \sum_{c \ne d} \operatorname{cov}(z)_{cd}^2

    σ is :math:`\sqrt{\operatorname{var} + 10^{-4}}`; variances and covariances are unbiased.

    Needs: pairs.

    Use it: where the batch has no fair negatives, and the two sides may differ in kind.

    Args:
        invariance_weight: λ.
        variance_weight: μ.
        covariance_weight: ν.

    Raises:
        UsageError: When a weight is negative, or the batch has one pair.

    Source: Bardes et al., 2022 (arXiv:2105.04906), equations 1 to 6. Deviation: the variance term
        is the mean of both views' and the covariance term their sum, as in the authors' code.

    Example:
        >>> import torch
        >>> x = torch.tensor([[3.0], [-3.0]])
        >>> VICReg()(Pairs(x, x))
        tensor(0.)
    """

    invariance_weight: float = 25.0
    variance_weight: float = 25.0
    covariance_weight: float = 1.0

    def __post_init__(self) -> None:
        check_not_negative(
            invariance_weight=self.invariance_weight,
            variance_weight=self.variance_weight,
            covariance_weight=self.covariance_weight,
        )

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the weighted sum, a scalar."""
        need_two_rows(pairs, self)
        x, y = pairs.anchor, pairs.positive
        invariance = (x - y).square().mean()
        variance = (_narrowness(x) + _narrowness(y)) / 2
        covariance = _redundancy(x) + _redundancy(y)
        return (
            self.invariance_weight * invariance
            + self.variance_weight * variance
            + self.covariance_weight * covariance
        )


def _narrowness(x: Embeddings) -> Tensor:
    return (1 - (x.var(dim=0) + EPSILON).sqrt()).relu().mean()


def _redundancy(x: Embeddings) -> Tensor:
    centred = x - x.mean(dim=0)
    covariance = centred.T @ centred / (len(x) - 1)
    off_diagonal = covariance.square().sum() - covariance.diagonal().square().sum()
    return off_diagonal / x.shape[1]
