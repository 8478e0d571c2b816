"""Triplet losses on Euclidean distances."""

from dataclasses import dataclass

from torch import Tensor
from torch.linalg import vector_norm

from sentemb.errors import UsageError
from sentemb.losses.checks import check_positive
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class Triplet:
    r"""The positive is to be nearer than the negative, by a margin.

    .. math:: \frac1N \sum_i \max \bigl(0, \lVert a_i - p_i \rVert - \lVert a_i - n_i \rVert + m
        \bigr)

    Embeddings are compared at the length they have.

    Needs: pairs, with one hard negative for each.

    Use it: with mined hard negatives; others of the batch are not used.

    Args:
        margin: m, a Euclidean distance.

    Raises:
        UsageError: When the margin is not positive, or there is not one negative for each anchor.

    Source: Reimers and Gurevych, 2019 (arXiv:1908.10084), section 3: distances, not their squares.

    Example:
        >>> import torch
        >>> Triplet()(Pairs(torch.eye(2), torch.eye(2), -torch.eye(2)))  # 0 − 2 + 1 < 0
        tensor(0.)
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        check_positive(margin=self.margin)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the batch, a scalar."""
        to_positive, to_negative = _differences(pairs)
        near, far = (vector_norm(x, dim=1) for x in (to_positive, to_negative))
        violation: Tensor = near - far + self.margin
        return violation.relu().mean()


@dataclass(frozen=True)
class TripletSquared:
    r"""The triplet loss on squared distances.

    .. math:: \frac1N \sum_i \max \bigl(0, \lVert a_i - p_i \rVert^2 - \lVert a_i - n_i \rVert^2
        + m \bigr)

    Needs: pairs, with one hard negative for each.

    Use it: as `Triplet`; the form of face recognition, whose gradient grows with the distance.

    Args:
        margin: m, a squared Euclidean distance.

    Raises:
        UsageError: When the margin is not positive, or there is not one negative for each anchor.

    Source: Schroff et al., 2015, FaceNet (arXiv:1503.03832). Deviation: embeddings are
        not normalised here.

    Example:
        >>> import torch
        >>> TripletSquared()(Pairs(torch.eye(2), torch.eye(2), torch.eye(2)))
        tensor(1.)
    """

    margin: float = 1.0

    def __post_init__(self) -> None:
        check_positive(margin=self.margin)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the batch, a scalar."""
        to_positive, to_negative = _differences(pairs)
        near, far = to_positive.square().sum(dim=1), to_negative.square().sum(dim=1)
        return (near - far + self.margin).relu().mean()


def _differences(pairs: Pairs) -> tuple[Tensor, Tensor]:
    """Return the vectors from each anchor to its positive and to its negative."""
    if pairs.negatives is None or len(pairs.negatives) != len(pairs.anchor):
        got = 0 if pairs.negatives is None else len(pairs.negatives)
        raise UsageError(
            f"A triplet loss needs one hard negative for each anchor, got {got} for "
            f"{len(pairs.anchor)}: give data with a negative column (method simcse-sup)."
        )
    return pairs.anchor - pairs.positive, pairs.anchor - pairs.negatives
