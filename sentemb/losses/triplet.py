"""Triplet losses on Euclidean distances."""

from dataclasses import dataclass

from torch import Tensor
from torch.linalg import vector_norm

from sentemb.losses.checks import check_positive, own_negatives
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class Triplet:
    r"""The positive is to be nearer than the negative, by a margin.

    .. math:: \frac1{NH} \sum_{i,h} \max \bigl(0, \lVert a_i - p_i \rVert
        - \lVert a_i - n_{ih} \rVert + m \bigr)

    The mean is over all hard negatives that there are. Embeddings are compared at the length they
    have.

    Needs: pairs, with hard negatives.

    Use it: with mined hard negatives; others of the batch are not used.

    Args:
        margin: m, a Euclidean distance.

    Raises:
        UsageError: When the margin is not positive, or rows have no hard negatives.

    Source: Reimers and Gurevych, 2019 (arXiv:1908.10084), section 3: distances, not their squares.

    Example:
        >>> import torch
        >>> Triplet()(Pairs(torch.eye(2), torch.eye(2), -torch.eye(2)[:, None]))  # 0 − 2 + 1 < 0
        tensor(0.)
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        check_positive(margin=self.margin)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the hard negatives, a scalar."""
        to_positive, to_negative = _differences(pairs, self)
        near, far = (vector_norm(x, dim=-1) for x in (to_positive, to_negative))
        violation: Tensor = near - far + self.margin
        return pairs.mean_of_own(violation.relu())


@dataclass(frozen=True)
class TripletSquared:
    r"""The triplet loss on squared distances.

    .. math:: \frac1{NH} \sum_{i,h} \max \bigl(0, \lVert a_i - p_i \rVert^2
        - \lVert a_i - n_{ih} \rVert^2 + m \bigr)

    Needs: pairs, with hard negatives.

    Use it: as `Triplet`; the form of face recognition, whose gradient grows with the distance.

    Args:
        margin: m, a squared Euclidean distance.

    Raises:
        UsageError: When the margin is not positive, or rows have no hard negatives.

    Source: Schroff et al., 2015, FaceNet (arXiv:1503.03832). Deviation: embeddings are
        not normalised here.

    Example:
        >>> import torch
        >>> TripletSquared()(Pairs(torch.eye(2), torch.eye(2), torch.eye(2)[:, None]))
        tensor(1.)
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        check_positive(margin=self.margin)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the hard negatives, a scalar."""
        to_positive, to_negative = _differences(pairs, self)
        near, far = to_positive.square().sum(dim=-1), to_negative.square().sum(dim=-1)
        return pairs.mean_of_own((near - far + self.margin).relu())


def _differences(pairs: Pairs, loss: object) -> tuple[Tensor, Tensor]:
    """Return the vectors from each anchor to its positive, ``[batch, 1, dim]``, and negatives."""
    anchor, negatives = pairs.anchor.unsqueeze(1), own_negatives(pairs, loss)
    return anchor - pairs.positive.unsqueeze(1), anchor - negatives
