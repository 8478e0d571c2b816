"""InfoNCE, the loss of SimCSE."""

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.log_xi import check_temperature, log_xi_one_way
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class InfoNCE:
    r"""Cross-entropy of finding each anchor's positive among all candidates, one direction.

    .. math:: -\frac1N \sum_i \log \frac{e^{s_{ii}}}{\sum_j e^{s_{ij}} + \sum_j \alpha^{[i=j]}
        e^{s^-_{ij}}} = \frac1N \sum_i \log(1 + \xi_i), \qquad s = \cos / \tau

    The candidates are the positives of the whole batch and all negatives. Only the anchor side is
    contrasted, and anchors are no candidates. Computed as softplus(log ξ).

    Args:
        temperature: τ; raising it weighs easy negatives more.
        hard_negative_weight: α of an anchor's own hard negative; 1 leaves it as any other.

    Raises:
        UsageError: When τ or α is not positive, or the batch has no negative.

    Source: Gao et al., 2021 (arXiv:2104.08821). α is the paper's; the
        authors' code takes ln α.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> InfoNCE(temperature=1.0)(pairs)  # log(1 + 1/e)
        tensor(0.3133)
    """

    temperature: float = 0.05
    hard_negative_weight: float = 1.0

    def __post_init__(self) -> None:
        check_temperature(self.temperature)
        if not self.hard_negative_weight > 0:
            raise UsageError(
                f"hard_negative_weight must be positive, got {self.hard_negative_weight}."
            )

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the batch, a scalar."""
        log_xi = log_xi_one_way(pairs, self.temperature, self.hard_negative_weight)
        return F.softplus(log_xi).mean()
