"""WhitenedCSE's head: groups of dimensions, drawn anew each step, are whitened over the batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn

from sentemb.errors import UsageError
from sentemb.types import Embeddings
from sentemb.values import is_whole
from sentemb.views.draws import Draws


class GroupWhitening(nn.Module):
    r"""Whiten groups of the dimensions over the batch; which are together is drawn for each step.

    .. math:: \hat X_g = (X_g - \mu_g) \, \Sigma_g^{-1/2}, \qquad
        \Sigma_g = \frac1N (X_g - \mu_g)^\top (X_g - \mu_g)

    The inverse square root is the symmetric one (ZCA). A batch needs more rows than a group has
    dimensions. Each view is whitened by itself. The groups follow from a key that is saved with the
    weights: all processes have the same, and a forward changes nothing.

    Args:
        dim: Of the embeddings.
        width: Dimensions of a group; divides ``dim``.

    Raises:
        UsageError: When it does not, or a batch is too small.

    Source: Zhuo et al., 2023, WhitenedCSE (ACL 2023), and the authors' code. Deviation: each
        view is whitened by itself, where the code whitens thirds of the batch.
    """

    key: Tensor

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        if not (is_whole(width) and width >= 1) or dim % width:
            raise UsageError(
                f"group_width must divide the {dim} dimensions of the embeddings, got {width!r}."
            )
        self.width = width
        self.register_buffer("key", torch.randint(2**62, (1,)))
        self.least_rows = width + 1

    def forward(self, embeddings: Embeddings) -> Embeddings:
        """Return the whitened embeddings, of the same shape."""
        order = Draws(self.key).bits(embeddings.shape[1])[0].argsort()
        return self.whitened(embeddings, order)

    def on_step_end(self, progress: float) -> None:
        """Draw other groups for the next step."""
        self.key.copy_(Draws(self.key).independent().keys)

    def whitened(self, embeddings: Embeddings, order: Tensor) -> Embeddings:
        """Return the embeddings whitened in groups of neighbours in an order of the dimensions."""
        rows, dim = embeddings.shape
        if rows < self.least_rows:
            raise UsageError(
                f"Whitening groups of {self.width} dimensions needs a batch of more than "
                f"{self.width} rows, got {rows}: use narrower groups, or a larger batch."
            )
        with torch.autocast(embeddings.device.type, enabled=False):
            exact = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
            groups = exact[:, order].view(rows, -1, self.width).transpose(0, 1)
            centred = groups - groups.mean(dim=1, keepdim=True)
            covariance = centred.transpose(1, 2) @ centred / rows
            whitened = (centred @ inverse_root(covariance)).transpose(0, 1).reshape(rows, dim)
        return whitened[:, order.argsort()].to(embeddings.dtype)

    def extra_repr(self) -> str:
        """Show how wide a group is."""
        return f"width={self.width}"


@contextmanager
def same_groups(module: nn.Module) -> Iterator[None]:
    """Have each `GroupWhitening` in a module draw what it draws at every other call of this."""
    keys = [part.key for part in module.modules() if isinstance(part, GroupWhitening)]
    before = [key.clone() for key in keys]
    for key in keys:
        key.zero_()
    try:
        yield
    finally:
        for key, was in zip(keys, before, strict=True):
            key.copy_(was)


def inverse_root(symmetric: Tensor) -> Tensor:
    """Return the symmetric inverse square root of positive definite matrices, ``[..., n, n]``.

    Equal eigenvalues have a finite gradient, unlike in an eigendecomposition.
    """
    return cast("Tensor", _InverseRoot.apply(symmetric))  # type: ignore[no-untyped-call]


class _InverseRoot(torch.autograd.Function):
    r"""Of :math:`f(\lambda) = \lambda^{-1/2}` the divided differences need no difference.

    .. math:: \frac{f(a) - f(b)}{a - b} = -\frac{1}{\sqrt{ab} (\sqrt a + \sqrt b)}
    """

    @staticmethod
    def forward(ctx: Any, symmetric: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(symmetric)
        least = values[..., -1:] * torch.finfo(values.dtype).eps
        roots = torch.maximum(values, least).sqrt()
        ctx.save_for_backward(roots, vectors)
        result: Tensor = (vectors / roots.unsqueeze(-2)) @ vectors.mT
        return result

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Tensor:
        roots, vectors = ctx.saved_tensors
        one, other = roots.unsqueeze(-1), roots.unsqueeze(-2)
        inner = vectors.mT @ upstream[0] @ vectors
        result: Tensor = vectors @ (-inner / (one * other * (one + other))) @ vectors.mT
        return result
