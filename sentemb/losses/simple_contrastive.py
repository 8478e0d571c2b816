"""The contrastive loss that treats all negatives alike."""

from dataclasses import dataclass

from torch import Tensor

from sentemb.losses.checks import check_not_negative
from sentemb.losses.contrast import RowLoss, Similarities, one_way


@dataclass(frozen=True)
class SimpleContrastive(RowLoss):
    r"""Raise each positive's cosine, lower every negative's, all with one weight.

    .. math:: \frac1N \sum_i \Bigl( -c_{ii} + \lambda \sum_{j \ne i} c_{ij} \Bigr),
        \qquad c = \cos

    It is unaware of hardness: what InfoNCE becomes as τ grows. No temperature.

    Needs: pairs; negatives where there are any.

    Use it: as the control that shows what hard negatives do; not to train a model with.

    Args:
        weight: λ; with 1/(negatives of a row) positives and negatives weigh the same.

    Raises:
        UsageError: When λ is negative, or the batch has no negative.

    Source: Wang and Liu, 2021 (arXiv:2012.09740), L_simple.

    Example:
        >>> import torch
        >>> from sentemb import Pairs
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> SimpleContrastive()(pairs)
        tensor(-1.)
    """

    weight: float = 1.0
    candidates = one_way

    def __post_init__(self) -> None:
        check_not_negative(weight=self.weight)

    def of_rows(self, s: Similarities) -> Tensor:
        """Return minus the cosine of the positive, plus those of the negatives of each row."""
        return -s.positive + self.weight * s.sum(s.candidates)
