"""Linear maps fitted to vectors: whitening, and the removal of top components."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sentemb.errors import InputError, UsageError
from sentemb.types import Embeddings

FLAT = 1e-3
"""A component whose deviation is less than this share of the first's counts as none. Vectors that
end in a layer norm have one: whitening would make noise of float32's rounding."""


@dataclass(frozen=True)
class LinearMap:
    r"""A map of vectors, as a linear layer stores it.

    .. math:: (x - \mu) W = x W - \mu W

    Args:
        weight: W, shape ``[dim, kept]``.
        bias: −μW, shape ``[kept]``.
        variance: The share of the variance that lies along the components which are kept by
            whitening, or removed by `all_but_the_top`; in [0, 1].
    """

    weight: Tensor
    bias: Tensor
    variance: float

    def __call__(self, x: Embeddings) -> Embeddings:
        """Return the vectors mapped, in float64, shape ``[batch, kept]``."""
        return x.to(self.weight.dtype) @ self.weight + self.bias


def whitening(x: Embeddings, dims: int | None = None) -> LinearMap:
    r"""Fit the map after which the vectors' covariance is the identity.

    .. math:: \Sigma = \frac1n \sum_i (x_i - \mu)^\top (x_i - \mu) = U \Lambda U^\top, \qquad
        W = U_k \Lambda_k^{-1/2}

    The vectors are taken as they are, not normalised. Every direction weighs as much as any other
    afterwards, those of noise too: fewer dims leave them out.

    Args:
        x: Shape ``[batch, dim]``; fitted in float64.
        dims: How many components are kept, those of most variance; by default all in which the
            vectors vary.

    Raises:
        UsageError: When ``dims`` is not in 1 to ``dim``.
        InputError: When there are no more rows than ``dims``, or numbers a vector by default; all
            are one, or they vary in fewer than ``dims`` directions.

    Source: Su et al., 2021 (arXiv:2103.15316), algorithm 1. Deviations: none; their code divides
        by n − 1, which changes all lengths by one factor.

    Example:
        >>> square = torch.tensor([[2.0, 1.0], [-2.0, 1.0], [2.0, -1.0], [-2.0, -1.0]])
        >>> whitening(square)(square).abs()[0].tolist()
        [1.0, 1.0]
    """
    dim = x.shape[1]
    if dims is not None and not 1 <= dims <= dim:
        raise UsageError(f"dims must be from 1 to {dim}, the width of the vectors, got {dims}.")
    kept = dims or dim
    mean, axes, deviations, rank = _components(x)
    if len(x) <= kept:
        raise InputError(
            f"{len(x):,} distinct rows whiten at most {len(x) - 1} dimensions, {kept} are asked "
            f"for: give more rows, or `dims={len(x) - 1}` or less."
        )
    if dims is None:
        kept = rank
    elif rank < kept:
        raise InputError(
            f"the vectors vary in {rank} directions only, {kept} are asked for: give "
            f"`dims={rank}` or less, or other data."
        )
    weight = axes[:, :kept] / deviations[:kept]
    share = deviations[:kept].square().sum() / deviations.square().sum()
    return LinearMap(weight, -mean @ weight, float(share))


def all_but_the_top(x: Embeddings, components: int) -> LinearMap:
    r"""Fit the map that takes away the mean and the components of most variance.

    .. math:: x \mapsto (x - \mu)(I - U_k U_k^\top)

    Args:
        x: Shape ``[batch, dim]``, as they are, not normalised; fitted in float64.
        components: How many; the paper takes about a hundredth of ``dim``.

    Raises:
        UsageError: When that many would leave nothing.
        InputError: When all vectors are one.

    Source: Mu and Viswanath, 2018 (arXiv:1702.01417), algorithm 1, for the vectors of words.

    Example:
        >>> flat = torch.tensor([[5.0, 1.0], [-5.0, 1.0], [0.0, 2.0], [0.0, 0.0]])
        >>> (all_but_the_top(flat, components=1)(flat) + 0).tolist()
        [[0.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    """
    mean, axes, deviations, rank = _components(x)
    if not 1 <= components < rank:
        raise UsageError(
            f"remove_top must be from 1 to {rank - 1}, because the vectors vary in {rank} "
            f"directions, got {components}."
        )
    top = axes[:, :components]
    weight = torch.eye(x.shape[1], dtype=top.dtype) - top @ top.T
    share = deviations[:components].square().sum() / deviations.square().sum()
    return LinearMap(weight, -mean @ weight, float(share))


def _components(x: Embeddings) -> tuple[Tensor, Tensor, Tensor, int]:
    """Return mean, axes in columns, standard deviations along them, and how many are not zero."""
    x = x.double()
    mean = x.mean(dim=0)
    centred = x - mean
    variances, axes = torch.linalg.eigh(centred.T @ centred / len(x))
    deviations, axes = variances.clamp(min=0).sqrt().flip(0), axes.flip(1)
    size = float(x.square().sum(dim=1).mean()) ** 0.5
    if float(deviations[0]) <= 1e-5 * size:
        raise InputError(
            f"the vectors of {len(x):,} distinct rows do not differ: nothing can be fitted to "
            "them. Give more rows; or the encoder has collapsed."
        )
    return mean, axes, deviations, int((deviations > FLAT * deviations[0]).sum())
