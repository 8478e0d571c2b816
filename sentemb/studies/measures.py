"""What a temperature trades: tolerance of what belongs together, separation of what is near."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.types import Embeddings


def tolerance(x: Embeddings, labels: Tensor) -> Tensor:
    r"""Mean cosine of distinct vectors of one class: how near to each other they may stay.

    .. math:: T = \frac{\sum_{i \ne j} x_i^\top x_j \, [l_i = l_j]}{\sum_{i \ne j} [l_i = l_j]}
        = \frac{\sum_c \bigl( \lVert \sum_{i \in c} x_i \rVert^2 - n_c \bigr)}
               {\sum_c n_c (n_c - 1)}

    The vectors are normalised here. It is 1 where each class is one point; an encoder that gives
    everything the same vector has 1 too, so read it beside the uniformity.

    Args:
        x: The vectors, shape ``[batch, dim]``.
        labels: A whole number from 0 for the class of each, shape ``[batch]``.

    Returns:
        A scalar in [-1, 1].

    Raises:
        ValueError: When no class has two vectors.

    Source: Wang and Liu, 2021 (arXiv:2012.09740), section 4. Deviation: the mean over pairs of one
        class, and never of a vector with itself; theirs is over all pairs, which only divides it
        by a number of the data's.

    Example:
        >>> tolerance(torch.tensor([[1.0, 0.0], [0.0, 1.0], [5.0, 0.0]]), torch.tensor([0, 0, 1]))
        tensor(0.)
    """
    counts = torch.bincount(labels).to(x.dtype)
    pairs = (counts * (counts - 1)).sum()
    if not bool(pairs):
        raise ValueError(f"tolerance needs 2 vectors of one class; all {len(x)} labels differ.")
    sums = x.new_zeros(len(counts), x.shape[1]).index_add(0, labels, F.normalize(x, dim=1))
    return (sums.square().sum() - len(x)) / pairs


def local_separation(x: Embeddings, pairs: Tensor, nearest: int = 10) -> Tensor:
    r"""How much nearer a positive is than the nearest negatives: large is apart.

    .. math:: \frac1P \sum_{(a, p)} \Bigl( x_a^\top x_p - \frac1K \sum_{n \in N_K(a)} x_a^\top x_n
        \Bigr)

    where N_K(a) are the K vectors of the greatest cosine with the anchor a, among all but the
    anchor and every vector that is a positive of it. Each pair counts both ways round. The vectors
    are normalised here.

    Args:
        x: The vectors, shape ``[batch, dim]``.
        pairs: Rows of ``x`` that belong together, shape ``[pairs, 2]``.
        nearest: K; an anchor with fewer negatives takes all of them.

    Returns:
        A scalar in [-2, 2].

    Raises:
        ValueError: When there is no pair, or an anchor has no negative.

    Source: Wang and Liu, 2021 (arXiv:2012.09740), section 5, who draw the distributions of the
        positive's cosine and of the ten nearest negatives'. Deviation: this is the difference of
        their means.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> local_separation(x, torch.tensor([[0, 1]]))
        tensor(1.)
    """
    if not len(pairs):
        raise ValueError("local separation needs a pair that belongs together, got none.")
    both = torch.cat([pairs, pairs.flip(1)])
    unit = F.normalize(x, dim=1)
    anchors, row = torch.unique(both[:, 0], return_inverse=True)
    cosines = unit[anchors] @ unit.T
    excluded = torch.zeros_like(cosines, dtype=torch.bool)
    excluded[torch.arange(len(anchors)), anchors] = True
    excluded[row, both[:, 1]] = True
    if bool(excluded.all(dim=1).any()):
        raise ValueError(f"An anchor has no negative among {len(x)} vectors.")
    top = cosines.masked_fill(excluded, -torch.inf).topk(min(nearest, len(x)), dim=1).values
    found = top.isfinite()
    nearest_mean = top.masked_fill(~found, 0).sum(dim=1) / found.sum(dim=1)
    return (cosines[row, both[:, 1]] - nearest_mean[row]).mean()
