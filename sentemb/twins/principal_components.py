"""`PrincipalComponents`: fewer dimensions, those of most variance."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sentemb.errors import UsageError
from sentemb.types import Embeddings, Vectors

ROWS = 2**14
"""Vectors that are held in float64 at once."""


class PrincipalComponents(nn.Module):
    r"""Narrow vectors to the directions in which they vary most, at length 1.

    .. math:: \frac{(t - \mu) U}{\lVert (t - \mu) U \rVert}

    U are the leading eigenvectors of the covariance, μ is the mean. Both are part of a checkpoint,
    so a resumed run has the same targets. Until `fit` they are the first dimensions.

    Source: tokenlearn (github.com/MinishLab/tokenlearn), which subtracts the mean as well; the
        distillation recipe of sentence-transformers leaves it in.

    Args:
        width: Dimensions of the vectors.
        kept: How many are kept.

    Raises:
        UsageError: When more are to be kept than there are.
    """

    mean: Tensor
    axes: Tensor

    def __init__(self, width: int, kept: int) -> None:
        super().__init__()
        if kept > width:
            raise UsageError(
                f"Principal components can only reduce dimensions, and {width} would have to "
                f"become {kept}: use `match=linear`."
            )
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("axes", torch.eye(width)[:, :kept].clone())

    @torch.no_grad()
    def fit(self, vectors: Vectors) -> float:
        """Find mean and directions of vectors; each direction's largest number is positive.

        Args:
            vectors: ``[texts, width]``; may be mapped from a file.

        Returns:
            The share of the variance that is kept, in [0, 1].
        """
        parts = [slice(start, start + ROWS) for start in range(0, len(vectors), ROWS)]
        mean = torch.zeros(vectors.shape[1], dtype=torch.float64)
        for rows in parts:
            mean += _in_float64(vectors[rows]).sum(dim=0) / len(vectors)
        covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64)
        for rows in parts:
            centred = _in_float64(vectors[rows]) - mean
            covariance += centred.T @ centred
        variances, axes = torch.linalg.eigh(covariance)
        variances, axes = variances.clamp(min=0).flip(0), axes.flip(1)
        kept = self.axes.shape[1]
        largest = axes.abs().argmax(dim=0, keepdim=True)
        self.mean.copy_(mean)
        self.axes.copy_((axes * axes.gather(0, largest).sign())[:, :kept])
        return float(variances[:kept].sum() / variances.sum().clamp(min=1e-300))

    def forward(self, vectors: Embeddings) -> Embeddings:
        """Return vectors of length 1, ``[batch, kept]``."""
        with torch.autocast(self.mean.device.type, enabled=False):
            return F.normalize((vectors.to(self.mean.dtype) - self.mean) @ self.axes, dim=1)


def _in_float64(vectors: Vectors) -> Tensor:
    return torch.from_numpy(vectors.astype("f8"))
