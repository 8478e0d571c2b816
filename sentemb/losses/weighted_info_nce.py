"""InfoNCE that weighs each anchor's own hard negative, the loss of supervised SimCSE."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.checks import check_positive
from sentemb.losses.contrast import Contrast, RowLoss, Similarities, one_way
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class WeightedInfoNCE(RowLoss):
    r"""InfoNCE in which each anchor's own hard negative has a weight.

    .. math:: -\frac1N \sum_i \log \frac{e^{s_{ii}}}{\sum_j e^{s_{ij}} + \sum_j \alpha^{[i=j]}
        e^{s^-_{ij}}} = \frac1N \sum_i \log(1 + \xi_i), \qquad s = \cos / \tau

    The candidates are those of `InfoNCE`.

    Needs: pairs, with one hard negative for each.

    Use it: with mined or labelled hard negatives that should count more, or less, than the rest.

    Args:
        temperature: τ; raising it weighs easy negatives more.
        hard_negative_weight: α of an anchor's own hard negative; 1 leaves it as any other.

    Raises:
        UsageError: When τ or α is not positive, or there is not one hard negative for each anchor.

    Source: Gao et al., 2021 (arXiv:2104.08821), section 4. α is the paper's; the authors' code
        takes ln α.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2), torch.eye(2).flip(0))
        >>> WeightedInfoNCE(temperature=1.0, hard_negative_weight=2.0)(pairs)  # log(2 + 3/e)
        tensor(1.1326)
    """

    temperature: float = 0.05
    hard_negative_weight: float = 1.0
    candidates = one_way

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(hard_negative_weight=self.hard_negative_weight)

    def of_rows(self, s: Similarities) -> Tensor:
        """Return log(1 + ξ) of each row, its own hard negative weighed in ξ."""
        log_weights = torch.zeros_like(s.candidates)
        own = log_weights.shape[1] // 2 + s.number  # the negatives follow as many positives
        log_weights.scatter_(1, own.unsqueeze(1), math.log(self.hard_negative_weight))
        return F.softplus(s.log_xi(self.temperature, log_weights))

    def contrasts(self, pairs: Pairs) -> tuple[Contrast, ...]:
        """Return the contrast, where each anchor has a hard negative.

        Raises:
            UsageError: When there is not one for each anchor.
        """
        asked = f"hard_negative_weight {self.hard_negative_weight} needs"
        if pairs.negatives is None:
            raise UsageError(f"{asked} hard negatives: give a column of them, or leave it at 1.")
        if len(pairs.negatives) != len(pairs.anchor):
            raise UsageError(
                f"{asked} one negative for each anchor, got {len(pairs.negatives)} for "
                f"{len(pairs.anchor)}."
            )
        if not pairs.in_batch:
            raise UsageError(
                "hard_negative_weight is for the anchors' own hard negatives; those of a queue "
                "are nobody's own: leave it at 1."
            )
        return super().contrasts(pairs)
