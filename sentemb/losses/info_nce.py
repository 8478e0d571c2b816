"""InfoNCE, the loss of SimCSE."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.block import Block
from sentemb.losses.checks import check_positive
from sentemb.losses.pairings import one_way
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class InfoNCE:
    r"""Cross-entropy of finding each anchor's positive among all candidates, one direction.

    .. math:: -\frac1N \sum_i \log \frac{e^{s_{ii}}}{\sum_j e^{s_{ij}} + \sum_j \alpha^{[i=j]}
        e^{s^-_{ij}}} = \frac1N \sum_i \log(1 + \xi_i), \qquad s = \cos / \tau

    The candidates are the positives of the whole batch and all negatives. Only the anchor side is
    contrasted, and anchors are no candidates. Computed as softplus(log ξ).

    Needs: pairs; negatives where there are any.

    Use it: first; the loss of SimCSE and most of its successors.

    Args:
        temperature: τ; raising it weighs easy negatives more.
        hard_negative_weight: α of an anchor's own hard negative; 1 leaves it as any other.

    Raises:
        UsageError: When τ or α is not positive, or the batch has no negative.

    Source: van den Oord et al., 2018 (arXiv:1807.03748); as in Gao et al., 2021
        (arXiv:2104.08821). α is that paper's; the authors' code takes ln α.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> InfoNCE(temperature=1.0)(pairs)  # log(1 + 1/e)
        tensor(0.3133)
    """

    temperature: float = 0.05
    hard_negative_weight: float = 1.0

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature, hard_negative_weight=self.hard_negative_weight)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the batch, a scalar."""
        if self.hard_negative_weight != 1.0:
            self._need_own_negatives(pairs)
        return one_way(pairs.unit()).mean(self._of_rows)

    def _of_rows(self, block: Block) -> Tensor:
        return F.softplus(block.log_xi(self.temperature, self._log_weights(block)))

    def _log_weights(self, block: Block) -> Tensor | float:
        if self.hard_negative_weight == 1.0:
            return 0.0
        weights = torch.zeros_like(block.candidates)
        own = weights.shape[1] // 2 + block.number  # the negatives follow as many positives
        return weights.scatter(1, own.unsqueeze(1), math.log(self.hard_negative_weight))

    def _need_own_negatives(self, pairs: Pairs) -> None:
        if pairs.negatives is None:
            raise UsageError(
                f"hard_negative_weight {self.hard_negative_weight} needs hard negatives: give a "
                "column of them, or leave it at 1."
            )
        if len(pairs.negatives) != len(pairs.anchor):
            raise UsageError(
                f"hard_negative_weight {self.hard_negative_weight} needs one negative for each "
                f"anchor, got {len(pairs.negatives)} for {len(pairs.anchor)}."
            )
        if not pairs.in_batch:
            raise UsageError(
                "hard_negative_weight is for the anchors' own hard negatives; those of a queue "
                "are nobody's own: leave it at 1."
            )
