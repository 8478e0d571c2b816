"""Negatives corrected for those among them that are positives."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.losses.checks import check_not_negative, check_rate
from sentemb.losses.contrast import RowLoss, Similarities, two_views


@dataclass(frozen=True)
class Debiased(RowLoss):
    r"""NT-Xent with an estimate of what the negatives would be without hidden positives.

    .. math:: -\frac{1}{2N} \sum_i \log \frac{e^{s_{i+}}}{e^{s_{i+}} + G_i}, \qquad
        G_i = \max \Bigl( \frac{\sum_j e^{s_{ij}} - \tau^+ M e^{s_{i+}}}{1 - \tau^+}, \;
        M e^{-1/\tau} \Bigr), \qquad s = \cos / \tau

    The sum is over the M negatives of row i, of both views.

    Needs: pairs; negatives where there are any.

    Use it: on data with few topics, where a batch holds sentences that mean the same.

    Args:
        temperature: τ.
        positive_rate: τ⁺, the share of the negatives that are positives, in [0, 1); 0 is NT-Xent.

    Raises:
        UsageError: When τ or τ⁺ is out of its range, or the batch has no negative.

    Source: Chuang et al., 2020 (arXiv:2007.00224), with one positive.

    Example:
        >>> import torch
        >>> from sentemb import Pairs
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> Debiased(temperature=1.0, positive_rate=0.0)(pairs)  # log(1 + 2/e)
        tensor(0.5514)
    """

    temperature: float = 0.5
    positive_rate: float = 0.1
    candidates = two_views
    only_by_cosine: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(positive_rate=self.positive_rate)

    def of_rows(self, s: Similarities) -> Tensor:
        """Return the loss of each row."""
        log_sum = s.log_sum(s.candidates / self.temperature)
        return corrected(s, log_sum, self.temperature, self.positive_rate)


@dataclass(frozen=True)
class HardNegativeWeighted(RowLoss):
    r"""`Debiased` with every negative weighed by how similar it is.

    .. math:: -\frac{1}{2N} \sum_i \log \frac{e^{s_{i+}}}{e^{s_{i+}} + G_i}, \qquad
        G_i = \max \Bigl( \frac{\sum_j w_{ij} e^{s_{ij}} - \tau^+ M e^{s_{i+}}}{1 - \tau^+}, \;
        M e^{-1/\tau} \Bigr), \qquad
        w_{ij} = \frac{e^{\beta s_{ij}}}{\frac1M \sum_k e^{\beta s_{ik}}}

    Known as HCL. The weights have mean 1 and carry a gradient, as in the authors' code.

    Needs: pairs; negatives where there are any.

    Use it: as `Debiased`, when easy negatives make up most of a batch.

    Args:
        temperature: τ of s = cos/τ.
        positive_rate: τ⁺, the share of the negatives that are positives, in [0, 1).
        concentration: β; 0 is `Debiased`, raising it leaves the hardest negatives only.

    Raises:
        UsageError: When τ, τ⁺ or β is out of its range, or the batch has no negative.

    Source: Robinson et al., 2021 (arXiv:2010.04592), and the authors' code.

    Example:
        >>> import torch
        >>> from sentemb import Pairs
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> HardNegativeWeighted(temperature=1.0, positive_rate=0.0)(pairs)  # log(1 + 2/e)
        tensor(0.5514)
    """

    temperature: float = 0.5
    positive_rate: float = 0.1
    concentration: float = 1.0
    candidates = two_views
    only_by_cosine: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(positive_rate=self.positive_rate)
        check_not_negative(concentration=self.concentration)

    def of_rows(self, s: Similarities) -> Tensor:
        """Return the loss of each row."""
        logits = s.candidates / self.temperature
        log_mean_weight = s.log_sum(self.concentration * logits) - s.log_count()
        log_sum = s.log_sum((1 + self.concentration) * logits) - log_mean_weight
        return corrected(s, log_sum, self.temperature, self.positive_rate)


def corrected(s: Similarities, log_sum: Tensor, temperature: float, positive_rate: float) -> Tensor:
    r"""Return :math:`\log(1 + G e^{-s_+})` of each row from the log of its negatives' sum.

    In logarithms throughout, since :math:`e^{1/\tau}` overflows at small τ. A row without negatives
    counts as 0.
    """
    positive, log_m = s.positive / temperature, s.log_count()
    none = ~s.is_negative.any(dim=1)
    log_sum = log_sum.masked_fill(none, 0.0)
    biased = math.log(positive_rate) if positive_rate else -math.inf
    surplus = biased + log_m + positive - log_sum  # log of the share to take away
    left = ~(surplus > -torch.finfo(surplus.dtype).eps)  # NaN is left, to be seen
    estimate = log_sum + torch.log(-torch.expm1(surplus.masked_fill(~left, -1.0)))
    estimate = estimate - math.log1p(-positive_rate)
    floor = log_m - 1 / temperature
    log_g = torch.where(left, torch.maximum(estimate, floor), floor)
    return s.or_zero(F.softplus(log_g - positive))
