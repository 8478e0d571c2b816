"""InfoNCE, the loss of SimCSE."""

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.checks import check_not_negative
from sentemb.losses.contrast import RowLoss, Similarities, one_way

RIGHT_ANGLE = 90


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
        margin: m in degrees, [0, 90]; the positive counts as farther by this angle,
            :math:`s_{ii} = \cos(\theta_{ii} + m) / \tau`. ArcCSE has 10.
        hardness: α, 0 or more: a negative of cosine c counts :math:`e^{\alpha c}` times, without a
            gradient through the weight. LLaVE has 9.

    Raises:
        UsageError: When τ is not positive, m or α is out of its range, or the batch has no
            negative.

    Source: van den Oord et al., 2018 (arXiv:1807.03748); as in Gao et al., 2021
        (arXiv:2104.08821). The margin is from Zhang et al., 2022, ArcCSE (ACL 2022), the
        weights are from Lan et al., 2025, LLaVE (arXiv:2503.04812).

    Example:
        >>> import torch
        >>> from sentemb import Pairs
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> InfoNCE(temperature=1.0)(pairs)  # log(1 + 1/e)
        tensor(0.3133)
    """

    temperature: float = 0.05
    margin: float = 0.0
    hardness: float = 0.0
    candidates = one_way

    def __post_init__(self) -> None:
        super().__post_init__()
        check_not_negative(margin=self.margin, hardness=self.hardness)
        if self.margin > RIGHT_ANGLE:
            raise UsageError(f"margin is an angle of at most 90 degrees, got {self.margin!r}.")

    @property
    def only_by_cosine(self) -> bool:  # type: ignore[override]
        """Whether the margin, which is an angle, takes similarities for cosines."""
        return self.margin > 0

    def __repr__(self) -> str:
        """Show the temperature, and the options that are set."""
        more = {"margin": self.margin, "hardness": self.hardness}
        shown = "".join(f", {name}={value}" for name, value in more.items() if value)
        return f"InfoNCE(temperature={self.temperature}{shown})"

    def of_rows(self, s: Similarities) -> Tensor:
        """Return log(1 + ξ) of each row."""
        if self.margin:
            s = s.with_margin(self.margin)
        return F.softplus(s.log_xi(self.temperature, s.hardness(self.hardness)))
