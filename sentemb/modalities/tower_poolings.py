"""Poolings of towers: from the vectors of places to one of the row."""

import torch
from torch import Tensor, nn


class Mean(nn.Module):
    """The mean of all places."""

    def forward(self, places: Tensor) -> Tensor:
        """Return ``[rows, dim]`` of ``[rows, places, dim]``."""
        return places.mean(dim=1)


class MeanAndMax(nn.Module):
    r"""The mean of all places, and the greatest value that each dimension has at any of them.

    .. math:: \frac1P \sum_p x_p + \max_p x_p

    What is at one place of many is not lost in the mean.

    Source: Kong et al., 2020, PANNs (arXiv:1912.10211), section II.
    """

    def forward(self, places: Tensor) -> Tensor:
        """Return ``[rows, dim]`` of ``[rows, places, dim]``."""
        return places.mean(dim=1) + places.amax(dim=1)


class AttentionPooling(nn.Module):
    r"""Attention of learned queries to all places, averaged over the queries.

    .. math:: W_o\,\mathrm{MHA}(\mathrm{LN}(q),\,\mathrm{LN}(x),\,\mathrm{LN}(x))

    No residual and no further layer.

    Args:
        dim: Of a place.
        queries: How many.
        heads: How many; by default one for each 32 dimensions, or fewer, so that they divide it.

    Source: Yu et al., 2022, CoCa (arXiv:2205.01917), section 3.2.
    """

    def __init__(self, dim: int, queries: int = 1, heads: int | None = None) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(queries, dim) * dim**-0.5)
        self.query_norm, self.place_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = nn.MultiheadAttention(dim, heads or heads_of(dim), batch_first=True)

    def each(self, places: Tensor, queries: Tensor | None = None) -> Tensor:
        """Return what each query takes, ``[rows, queries, dim]``.

        Args:
            places: ``[rows, places, dim]``.
            queries: Others than its own, ``[queries, dim]``.
        """
        given = self.query if queries is None else queries
        query = self.query_norm(given).expand(len(places), -1, -1)
        known = self.place_norm(places)
        taken: Tensor = self.attention(query, known, known, need_weights=False)[0]
        return taken

    def forward(self, places: Tensor) -> Tensor:
        """Return ``[rows, dim]`` of ``[rows, places, dim]``."""
        return self.each(places).mean(dim=1)


def heads_of(dim: int) -> int:
    """Return how many heads attention has: one for each 32 dimensions, or fewer that divide them.

    Example:
        >>> heads_of(128), heads_of(80), heads_of(8)
        (4, 2, 1)
    """
    return next(count for count in range(max(1, dim // 32), 0, -1) if dim % count == 0)
