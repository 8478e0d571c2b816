"""InfoNCE that weighs each anchor's own hard negatives, the loss of supervised SimCSE."""

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.losses.checks import check_not_negative, own_negatives
from sentemb.losses.contrast import Contrast, RowLoss, Similarities, one_way
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class WeightedInfoNCE(RowLoss):
    r"""InfoNCE in which each anchor's own hard negatives have a weight, and others' another.

    .. math:: -\frac1N \sum_i \log \frac{e^{s_{ii}}}{\sum_j e^{s_{ij}} + \sum_{j,h} w_{ij}
        e^{s^-_{ijh}}} = \frac1N \sum_i \log(1 + \xi_i), \qquad
        w_{ij} = \begin{cases} \alpha & i = j \\ \beta & i \ne j \end{cases}, \qquad s = \cos / \tau

    :math:`s^-_{ijh}` compares anchor i with hard negative h of row j. The candidates are those of
    `InfoNCE`.

    Needs: pairs, with hard negatives.

    Use it: with mined or labelled hard negatives that should count more, or less, than the rest.

    Args:
        temperature: τ; raising it weighs easy negatives more.
        hard_negative_weight: α of an anchor's own hard negatives; 1 leaves them as any other, 0
            leaves them out.
        others_weight: β of other rows' hard negatives; 0 leaves them out.

    Raises:
        UsageError: When τ is not positive, α or β is negative, or rows have no hard negatives of
            their own.

    Source: Gao et al., 2021 (arXiv:2104.08821), section 4. α is the paper's; the authors' code
        takes ln α.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2), torch.eye(2).flip(0).unsqueeze(1))
        >>> WeightedInfoNCE(temperature=1.0, hard_negative_weight=2.0)(pairs)  # log(2 + 3/e)
        tensor(1.1326)
    """

    temperature: float = 0.05
    hard_negative_weight: float = 1.0
    others_weight: float = 1.0
    candidates = one_way

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative(
            hard_negative_weight=self.hard_negative_weight, others_weight=self.others_weight
        )

    def of_rows(self, s: Similarities) -> Tensor:
        """Return log(1 + ξ) of each row, its own hard negatives weighed in ξ."""
        log_weights = s.of_hard_negatives(_log(self.hard_negative_weight), _log(self.others_weight))
        return F.softplus(s.log_xi(self.temperature, log_weights))

    def contrasts(self, pairs: Pairs) -> tuple[Contrast, ...]:
        """Return the contrast, where anchors have hard negatives.

        Raises:
            UsageError: When they have not.
        """
        own_negatives(pairs, self)
        return super().contrasts(pairs)

    def masked(self, pairs: Pairs) -> Tensor:
        """Count the candidates that are false negatives, without those of weight 0."""
        (contrast,) = self.contrasts(pairs)
        owners = cast("Tensor", contrast.owners)  # rows have negatives of their own

        def of_rows(number: Tensor) -> Tensor:
            others = torch.where(owners < 0, 1.0, self.others_weight)
            is_own = owners == number.unsqueeze(1)
            weights = torch.where(is_own, self.hard_negative_weight, others)
            return contrast.is_false_negative(number) & (weights > 0)

        return contrast.masked(of_rows)


def _log(weight: float) -> float:
    return math.log(weight) if weight else -math.inf
