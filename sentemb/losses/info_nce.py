"""InfoNCE, the loss of SimCSE."""

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.losses.contrast import RowLoss, Similarities, one_way


@dataclass(frozen=True)
class InfoNCE(RowLoss):
    r"""Cross-entropy of finding each anchor's positive among all candidates, one direction.

    .. math:: -\frac1N \sum_i \log \frac{e^{s_{ii}}}{\sum_j e^{s_{ij}} + \sum_j e^{s^-_{ij}}}
        = \frac1N \sum_i \log(1 + \xi_i), \qquad s = \cos / \tau

    The candidates are the positives of the whole batch and all negatives. Only the anchor side is
    contrasted, and anchors are not candidates. Computed as softplus(log ξ).

    Needs: pairs; negatives where there are any.

    Use it: first; the loss of SimCSE and most of its successors.

    Args:
        temperature: τ; raising it weighs easy negatives more.

    Raises:
        UsageError: When τ is not positive, or the batch has no negative.

    Source: van den Oord et al., 2018 (arXiv:1807.03748); as in Gao et al., 2021
        (arXiv:2104.08821).

    Example:
        >>> import torch
        >>> from sentemb import Pairs
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> InfoNCE(temperature=1.0)(pairs)  # log(1 + 1/e)
        tensor(0.3133)
    """

    temperature: float = 0.05
    candidates = one_way

    def of_rows(self, s: Similarities) -> Tensor:
        """Return log(1 + ξ) of each row."""
        return F.softplus(s.log_xi(self.temperature))
