"""Nearest neighbours as positives, among the neighbours of a wider circle."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.contrast import RowLoss, Similarities, one_way
from sentemb.values import require_at_least


@dataclass(frozen=True)
class LocalAggregation(RowLoss):
    r"""The chance that a neighbour among many is one of the nearest.

    .. math:: -\frac1N \sum_i \log \frac{\sum_{j \in C(i)} e^{s_{ij}}}
        {\sum_{j \in B(i)} e^{s_{ij}}}, \qquad C(i) \subset B(i), \qquad s = \cos / \tau

    B are a row's positive and its ``background`` nearest candidates, C its positive and the
    ``close`` nearest of them. Which ones they are carries no gradient.

    Needs: pairs; negatives where there are any, best a memory bank's
        (`sentemb.twins.BankedSiamese`).

    Use it: to find clusters: what is near comes nearer.

    Args:
        temperature: τ.
        background: Nearest candidates in B.
        close: Nearest candidates in C; 0 is `HardContrastive`.

    Raises:
        UsageError: When τ is not positive, or there are not fewer close candidates than background
            ones, or the batch has no negative.

    Source: Zhuang et al., 2019 (arXiv:1903.12355). Deviations: C are the nearest
        neighbours, where theirs share a cluster of k-means; the row's own vector in the memory is
        its other view.

    Example:
        >>> import torch
        >>> from sentemb import Pairs
        >>> pairs = Pairs(torch.eye(3), torch.eye(3))
        >>> LocalAggregation(1.0, background=2, close=1)(pairs)  # log((e + 2) / (e + 1))
        tensor(0.2382)
    """

    temperature: float = 0.07
    background: int = 1024
    close: int = 4
    candidates = one_way

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(1, background=self.background)
        require_at_least(0, close=self.close)
        if self.close >= self.background:
            raise UsageError(
                f"close must be below background, got {self.close} and {self.background}."
            )

    def of_rows(self, s: Similarities) -> Tensor:
        """Return log(1 + ξ) over the background of each row, less that over what is close."""
        similar = s.candidates.detach().masked_fill(~s.is_negative, -torch.inf)
        nearest = similar.topk(min(self.background, similar.shape[1]), dim=1).indices
        circles = (s.only(nearest), s.only(nearest[:, : self.close]))
        background, close = (F.softplus(part.log_xi(self.temperature)) for part in circles)
        return background - close
