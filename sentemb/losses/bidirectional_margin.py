"""SNCSE's bidirectional margin: a negation is farther than the positive, but not by much."""

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.checks import check_not_negative, check_positive, own_negatives
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class BidirectionalMargin:
    r"""The hard negative is to be farther than the positive, by no less and no more than margins.

    .. math:: \frac1{NH} \sum_{i,h} \max(0, \Delta_{ih} + \alpha) + \max(0, -\Delta_{ih} - \beta),
        \qquad \Delta_{ih} = \cos(x_i, n_{ih}) - \cos(x_i, y_i)

    There is no gradient while Δ is within −β and −α. A soft negative, as the negation of a
    sentence, shares most of its words: nearer than what is unrelated, farther than a paraphrase.

    Needs: pairs, with hard negatives.

    Use it: with a weight of 0.001 to 0.01 beside `WeightedInfoNCE` whose both weights are 0, so
        that soft negatives are not contrasted as well (method sncse).

    Args:
        margin: α, the least difference of the cosines.
        most: β, the greatest, above α.

    Raises:
        UsageError: When a margin is out of its range, or rows have no hard negatives.

    Source: Wang and Dou, 2023, SNCSE (arXiv:2201.05979), and the authors' code.

    Example:
        >>> import torch
        >>> far = Pairs(torch.eye(2), torch.eye(2), -torch.eye(2)[:, None])
        >>> BidirectionalMargin(most=0.5)(far)  # Δ = −2, and 2 − 0.5 too far
        tensor(1.5000)
    """

    margin: float = 0.1
    most: float = 0.3

    def __post_init__(self) -> None:
        check_not_negative(margin=self.margin)
        check_positive(most=self.most)
        if self.most <= self.margin:
            raise UsageError(f"most must be above margin, {self.margin!r}; got {self.most!r}.")

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the hard negatives, a scalar."""
        negatives = own_negatives(pairs, self)
        near = F.cosine_similarity(pairs.anchor, pairs.positive).unsqueeze(1)
        difference = F.cosine_similarity(pairs.anchor.unsqueeze(1), negatives, dim=2) - near
        outside = (difference + self.margin).relu() + (-difference - self.most).relu()
        return pairs.mean_of_own(outside)
