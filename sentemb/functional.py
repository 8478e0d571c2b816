"""Pure tensor mathematics: no model, no text, no state."""

import math

import torch
import torch.nn.functional as F  # noqa: N812

from sentemb.types import Embeddings, Similarities


def cosine(anchor: Embeddings, candidates: Embeddings) -> Similarities:
    r"""Cosine of every anchor with every candidate.

    .. math:: s_{ij} = x_i^\top y_j / (\lVert x_i \rVert \lVert y_j \rVert)

    Returns:
        Shape ``[batch, candidates]``.

    Example:
        >>> cosine(torch.tensor([[3.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        tensor([[1., 0.]])
    """
    return F.normalize(anchor, dim=1) @ F.normalize(candidates, dim=1).T


def alignment(x: Embeddings, y: Embeddings) -> torch.Tensor:
    r"""Mean squared distance of matching unit vectors: small is good.

    .. math:: \frac1n \sum_i \lVert x_i - y_i \rVert_2^2 = 2 - \frac2n \sum_i \cos(x_i, y_i)

    The vectors are normalised here. Returns a scalar in [0, 4].

    Source: Wang & Isola, 2020 (arXiv:2005.10242), with α = 2.

    Example:
        >>> alignment(torch.eye(2), torch.eye(2))
        tensor(0.)
    """
    return (F.normalize(x, dim=1) - F.normalize(y, dim=1)).square().sum(dim=1).mean()


def uniformity(x: Embeddings, texts: torch.Tensor | None = None) -> torch.Tensor:
    r"""Log of the mean Gaussian potential of distinct unit vectors: small (negative) is good.

    .. math:: \log \frac{2}{n(n-1)} \sum_{i<j} e^{-2 \lVert x_i - x_j \rVert^2}

    The vectors are normalised here. A uniform distribution on a high-dimensional sphere comes
    near −4; a collapsed encoder has 0, and so have vectors that are all of one text.

    Args:
        x: The vectors, shape ``[batch, dim]``.
        texts: A number for each vector's text; vectors of equal texts are not compared.

    Raises:
        ValueError: When there are fewer than two vectors.

    Source: Wang & Isola, 2020 (arXiv:2005.10242), with t = 2.

    Example:
        >>> uniformity(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        tensor(-8.)
    """
    if len(x) < 2:
        raise ValueError(f"uniformity needs at least 2 embeddings, got {len(x)}.")
    exponents = -2 * torch.pdist(F.normalize(x, dim=1)).square()
    if texts is None:
        return exponents.logsumexp(dim=0) - math.log(len(exponents))
    same = (texts.unsqueeze(0) == texts.unsqueeze(1))[*torch.triu_indices(len(x), len(x), 1)]
    if bool(same.all()):
        return 0 * exponents.sum()
    compared = exponents.masked_fill(same, -torch.inf)
    return compared.logsumexp(dim=0) - (~same).sum().to(x.dtype).log()
