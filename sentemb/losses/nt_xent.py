"""NT-Xent, the loss of SimCLR and ConSERT."""

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.losses.contrast import RowLoss, Similarities, two_views


@dataclass(frozen=True)
class NTXent(RowLoss):
    r"""Normalised, temperature-scaled cross-entropy over both views.

    .. math:: -\frac{1}{2N} \sum_{i=1}^{2N} \log \frac{e^{s_{i,p(i)}}}{\sum_{j \ne i} e^{s_{ij}}}
        = \frac{1}{2N} \sum_i \log(1 + \xi_i), \qquad s = \cos / \tau

    Each of the 2N rows is contrasted with the 2N − 1 others; p(i) is its other view. Negatives,
    where there are any, are further candidates of every row. Computed as softplus(log ξ).

    Needs: pairs; negatives where there are any.

    Use it: when both views are changed and neither is the clean one, as in ConSERT.

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, or the batch has no negative.

    Source: Chen et al., 2020, SimCLR (arXiv:2002.05709), equation 1. ConSERT's code sums the two
        halves' means, which is twice this value.

    Example:
        >>> import torch
        >>> from sentemb import Pairs
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> NTXent(temperature=1.0)(pairs)  # log(1 + 2/e)
        tensor(0.5514)
    """

    temperature: float = 0.1
    candidates = two_views

    def of_rows(self, s: Similarities) -> Tensor:
        """Return log(1 + ξ) of each row."""
        return F.softplus(s.log_xi(self.temperature))
