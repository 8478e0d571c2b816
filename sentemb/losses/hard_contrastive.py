"""InfoNCE among the hardest negatives only."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.losses.checks import check_rate
from sentemb.losses.contrast import RowLoss, Similarities, one_way
from sentemb.values import require_at_least


@dataclass(frozen=True)
class HardContrastive(RowLoss):
    r"""InfoNCE whose negatives are each anchor's K most similar ones.

    .. math:: -\frac1N \sum_i \log \frac{e^{s_{ii}}}{e^{s_{ii}} + \sum_{j \in H(i)} e^{s_{ij}}},
        \qquad H(i) = \text{the } K \text{ greatest } s_{ij}, \qquad s = \cos / \tau

    Which ones they are carries no gradient. An anchor with fewer negatives keeps all of them.

    Needs: pairs; negatives where there are any.

    Use it: to have hard negatives without a low temperature.

    Args:
        temperature: τ.
        count: K.

    Raises:
        UsageError: When τ is not positive, K is below 1, or the batch has no negative.

    Source: Wang and Liu, 2021 (arXiv:2012.09740). Deviation: K in place of a
        threshold; `HardContrastiveQuantile` has the threshold.

    Example:
        >>> import torch
        >>> from sentemb import Pairs
        >>> pairs = Pairs(torch.eye(3), torch.eye(3))
        >>> HardContrastive(temperature=1.0, count=1)(pairs)  # log(1 + 1/e)
        tensor(0.3133)
    """

    temperature: float = 0.2
    count: int = 16
    candidates = one_way

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(1, count=self.count)

    def without_choice(self, negatives: int) -> str:
        """Describe that K leaves none of so many negatives out; "" where it does."""
        if self.count < negatives:
            return ""
        return (
            f"HardContrastive with count {self.count} keeps all {negatives} negatives of a row, so "
            "it is InfoNCE: give a smaller count or a larger batch."
        )

    def of_rows(self, s: Similarities) -> Tensor:
        """Return log(1 + ξ) over the K hardest negatives of each row."""
        negative = s.candidates.detach().masked_fill(~s.is_negative, -torch.inf)
        hardest = negative.topk(min(self.count, negative.shape[1]), dim=1).indices
        return F.softplus(s.only(hardest).log_xi(self.temperature))


@dataclass(frozen=True)
class HardContrastiveQuantile(RowLoss):
    r"""InfoNCE whose negatives are those above a quantile of each anchor's similarities.

    .. math:: -\frac1N \sum_i \log \frac{e^{s_{ii}}}{e^{s_{ii}} + \sum_{j \in H(i)} e^{s_{ij}}},
        \qquad H(i) = \{ j : s_{ij} \ge s_\alpha(i) \}, \qquad s = \cos / \tau

    The threshold carries no gradient.

    Needs: pairs; negatives where there are any.

    Use it: as `HardContrastive`, with a share of the batch in place of a count.

    Args:
        temperature: τ.
        quantile: Of an anchor's negatives this share is left out, in [0, 1); 0 is InfoNCE.

    Raises:
        UsageError: When τ is not positive, the quantile is out of its range, or the batch has no
            negative.

    Source: Wang and Liu, 2021 (arXiv:2012.09740).

    Example:
        >>> import torch
        >>> from sentemb import Pairs
        >>> pairs = Pairs(torch.eye(3), torch.eye(3))
        >>> HardContrastiveQuantile(temperature=1.0, quantile=0.5)(pairs)  # ties: log(1 + 2/e)
        tensor(0.5514)
    """

    temperature: float = 0.2
    quantile: float = 0.75
    candidates = one_way

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(quantile=self.quantile)

    def without_choice(self, negatives: int) -> str:
        """Describe that the quantile leaves none of so many negatives out; "" where it does."""
        if self.quantile == 0 or int(self.quantile * negatives) > 0:
            return ""
        return (
            f"HardContrastiveQuantile with quantile {self.quantile:g} keeps all {negatives} "
            "negatives of a row, so it is InfoNCE: give a greater quantile or a larger batch."
        )

    def of_rows(self, s: Similarities) -> Tensor:
        """Return log(1 + ξ) over the negatives above the quantile of each row."""
        negative = s.candidates.detach().masked_fill(~s.is_negative, torch.inf)
        ascending = negative.sort(dim=1).values
        left_out = (self.quantile * s.is_negative.sum(dim=1)).long()
        threshold = ascending.gather(1, left_out.unsqueeze(1))
        hard = replace(s, is_negative=s.is_negative & ~(negative < threshold))
        return F.softplus(hard.log_xi(self.temperature))
