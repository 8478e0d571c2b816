"""Numbers of vectors: what two have in common, and what a loss would see in them."""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import InputError
from sentemb.types import Embeddings, SimilarityMatrix


def mean_cosine(x: Embeddings) -> Tensor:
    r"""Mean cosine of two different vectors: 0 when they point everywhere alike.

    .. math:: \frac{1}{n(n-1)} \sum_{i \ne j} \cos(x_i, x_j)
        = \frac{\lVert \sum_i u_i \rVert^2 - \sum_i \lVert u_i \rVert^2}{n(n-1)},
        \qquad u_i = x_i / \lVert x_i \rVert

    The vectors are normalised here. Returns a scalar in [−1/(n−1), 1].

    Source: Ethayarajh, 2019 (arXiv:1909.00512), for the vectors of words.

    Example:
        >>> mean_cosine(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        tensor(-1.)
    """
    unit = F.normalize(x, dim=1)
    different = unit.sum(dim=0).square().sum() - unit.square().sum()
    return different / (len(x) * (len(x) - 1))


class ClassCosines(NamedTuple):
    """Mean cosines, and of how many pairs."""

    tolerance: float
    between: float
    pairs_within: int
    pairs_between: int


def tolerance(x: Embeddings, labels: Tensor) -> ClassCosines:
    r"""Mean cosine of two different sentences of one class, and of two of different classes.

    .. math:: T = \frac{\sum_{i \ne j} [l_i = l_j] \cos(x_i, x_j)}{\sum_{i \ne j} [l_i = l_j]}

    High is tolerant: what means the same is left together. The vectors are normalised here.

    Args:
        x: The vectors, shape ``[batch, dim]``.
        labels: The class of each, whole numbers, shape ``[batch]``.

    Raises:
        InputError: When there is one class, or no class has two sentences.

    Source: Wang and Liu, 2021 (arXiv:2012.09740). Deviations: theirs is the mean over
        all pairs, those of different classes counting as 0, so that it falls with the number of
        classes; a vector is not paired with itself.

    Example:
        >>> tolerance(torch.eye(2)[[0, 0, 1]], torch.tensor([0, 0, 1]))[:2]
        (1.0, 0.0)
    """
    unit = F.normalize(x, dim=1)
    members = F.one_hot(labels).to(unit.dtype)
    members = members[:, members.any(dim=0)]
    sums, sizes = members.T @ unit, members.sum(dim=0).long()
    if len(sizes) < 2:
        raise InputError("all labels are one class; tolerance needs at least 2.")
    ordered = int((sizes * (sizes - 1)).sum())
    if ordered == 0:
        raise InputError(
            f"each of the {len(sizes)} classes has one sentence; tolerance needs a class of two."
        )
    within = float(sums.square().sum() - unit.square().sum())
    between = float(unit.sum(dim=0).square().sum() - sums.square().sum())
    others = len(x) * (len(x) - 1) - ordered
    return ClassCosines(within / ordered, between / others, ordered // 2, others // 2)


def relative_penalties(similarities: SimilarityMatrix, temperature: float) -> SimilarityMatrix:
    r"""How the gradient of InfoNCE is shared out among an anchor's negatives.

    .. math:: r_{ij} = \frac{e^{s_{ij} / \tau}}{\sum_{k \ne i} e^{s_{ik} / \tau}}

    Args:
        similarities: Of anchors (rows) with the same sentences (columns), ``[batch, batch]``; the
            diagonal is not looked at.
        temperature: τ; lowering it leaves more to the nearest negative.

    Returns:
        Rows sum to 1, the diagonal is 0.

    Source: Wang and Liu, 2021 (arXiv:2012.09740).

    Example:
        >>> relative_penalties(torch.zeros(3, 3), temperature=0.1)[0]
        tensor([0.0000, 0.5000, 0.5000])
    """
    own = torch.eye(len(similarities), dtype=torch.bool)
    return (similarities / temperature).masked_fill(own, -torch.inf).softmax(dim=1)


def entropy(shares: SimilarityMatrix) -> Tensor:
    r"""Entropy of each row, in nats: the logarithm of their number when all are alike.

    .. math:: -\sum_j r_{ij} \log r_{ij}

    Source: Wang and Liu, 2021 (arXiv:2012.09740), of relative penalties.

    Example:
        >>> entropy(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
        tensor([0.0000, 0.6931])
    """
    found: Tensor = torch.special.entr(shares).sum(dim=1)
    return found


def variance_of_the_first(values: Tensor) -> Tensor:
    r"""Share of the variance that lies along the top component.

    .. math:: \sigma_1^2 / \sum_k \sigma_k^2

    Args:
        values: Singular values of the centred vectors, the largest first.

    Example:
        >>> variance_of_the_first(torch.tensor([3.0, 1.0]))
        tensor(0.9000)
    """
    return values[0].square() / values.square().sum()


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
        InputError: When there is no pair, or an anchor has no negative.

    Source: Wang and Liu, 2021 (arXiv:2012.09740), section 5, who draw the distributions of the
        positive's cosine and of the ten nearest negatives'. Deviation: this is the difference of
        their means.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> local_separation(x, torch.tensor([[0, 1]]))
        tensor(1.)
    """
    if not len(pairs):
        raise InputError("local separation needs a pair that belongs together, got none.")
    both = torch.cat([pairs, pairs.flip(1)])
    unit = F.normalize(x, dim=1)
    anchors, row = torch.unique(both[:, 0], return_inverse=True)
    cosines = unit[anchors] @ unit.T
    excluded = torch.zeros_like(cosines, dtype=torch.bool)
    excluded[torch.arange(len(anchors)), anchors] = True
    excluded[row, both[:, 1]] = True
    if bool(excluded.all(dim=1).any()):
        raise InputError(f"An anchor has no negative among {len(x)} vectors.")
    top = cosines.masked_fill(excluded, -torch.inf).topk(min(nearest, len(x)), dim=1).values
    found = top.isfinite()
    nearest_mean = top.masked_fill(~found, 0).sum(dim=1) / found.sum(dim=1)
    return (cosines[row, both[:, 1]] - nearest_mean[row]).mean()
