"""Barlow Twins: decorrelated dimensions in place of negatives."""

from dataclasses import dataclass

from torch import Tensor

from sentemb.losses.checks import check_not_negative, need_two_rows
from sentemb.pairs import Pairs
from sentemb.types import Embeddings


@dataclass(frozen=True)
class BarlowTwins:
    r"""The cross-correlation of both views' dimensions is to be the identity.

    .. math:: \sum_c (1 - C_{cc})^2 + \lambda \sum_c \sum_{d \ne c} C_{cd}^2, \qquad
        C = \frac1N \hat X^\top \hat Y, \qquad
        \hat x = \frac{x - \bar x}{\sqrt{\operatorname{var}(x) + \epsilon}}

    Each dimension is standardised over the batch (biased variance).

    Needs: pairs.

    Use it: where the batch has no fair negatives; wants batches of more rows than dimensions, or
        a small λ.

    Args:
        off_diagonal_weight: λ.
        epsilon: ε, as in batch normalisation, which the authors' code uses.

    Raises:
        UsageError: When λ or ε is negative, or the batch has one pair.

    Source: Zbontar et al., 2021 (arXiv:2103.03230), equations 1 and 2, and the authors' code.

    Example:
        >>> import torch
        >>> x = torch.tensor([[1.0], [-1.0]])
        >>> BarlowTwins(epsilon=0.0)(Pairs(x, -x))
        tensor(4.)
    """

    off_diagonal_weight: float = 5e-3
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        check_not_negative(off_diagonal_weight=self.off_diagonal_weight, epsilon=self.epsilon)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the loss of the batch, a scalar."""
        need_two_rows(pairs, self)
        correlation = cross_correlation(pairs.anchor, pairs.positive, self.epsilon)
        diagonal = correlation.diagonal()
        off_diagonal = correlation.square().sum() - diagonal.square().sum()
        return (1 - diagonal).square().sum() + self.off_diagonal_weight * off_diagonal


def cross_correlation(x: Embeddings, y: Embeddings, epsilon: float) -> Tensor:
    """Return the correlation of each dimension of x with each of y, shape ``[dim, dim]``."""
    x_hat, y_hat = (
        (z - z.mean(dim=0)) / (z.var(dim=0, correction=0) + epsilon).sqrt() for z in (x, y)
    )
    return x_hat.T @ y_hat / len(x)
