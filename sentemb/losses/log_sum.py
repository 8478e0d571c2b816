"""log Σ exp over the negatives of some rows, a few columns at a time."""

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor

from sentemb.types import SimilarityMatrix

CACHED = 2**16
"""Similarities that a CPU computes with at a time, so that they stay in its cache."""


def spans(rows: int, columns: int, device: torch.device) -> Iterator[slice]:
    """Yield the columns that are computed with at a time; on a GPU all of them."""
    width = max(1, CACHED // max(1, rows)) if device.type == "cpu" else max(1, columns)
    return (slice(start, min(start + width, columns)) for start in range(0, columns, width))


def log_sum_exp(
    similarities: SimilarityMatrix,
    reference: Tensor,
    temperature: float | Tensor,
    log_weights: float | Tensor,
    is_negative: Tensor,
) -> Tensor:
    r"""Return :math:`\log \sum_{j \in N(i)} w_{ij} e^{(s_{ij} - r_i) / \tau}`, shape ``[rows]``.

    −inf for a row without negatives. No matrix of exponents is kept: they are computed again for
    the gradient, which has the only other matrix.

    Args:
        similarities: s, shape ``[rows, candidates]``.
        reference: r, shape ``[rows]``.
        temperature: τ.
        log_weights: log w, a number or of the shape of s.
        is_negative: Which candidates are negatives of which row.
    """
    result = _LogSumExp.apply(  # type: ignore[no-untyped-call]
        similarities, reference, temperature, log_weights, is_negative
    )
    return cast("Tensor", result)


class _LogSumExp(torch.autograd.Function):
    """The sum is kept relative to the greatest exponent seen so far, in one pass."""

    @staticmethod
    def forward(
        ctx: Any,
        similarities: Tensor,
        reference: Tensor,
        temperature: float | Tensor,
        log_weights: float | Tensor,
        is_negative: Tensor,
    ) -> Tensor:
        greatest = torch.full_like(reference, -torch.inf)
        total = torch.zeros_like(reference)
        given = (similarities, reference, temperature, log_weights, is_negative)
        for span in spans(*similarities.shape, similarities.device):
            exponents = _exponents(*given, span)
            before, greatest = greatest, torch.maximum(greatest, exponents.amax(dim=1))
            top = _finite(greatest)
            total *= (before - top).exp()
            total += exponents.sub_(top.unsqueeze(1)).exp_().sum(dim=1)
        result = total.log() + _finite(greatest)
        tensors = [x for x in (temperature, log_weights) if isinstance(x, Tensor)]
        ctx.save_for_backward(similarities, reference, is_negative, result, *tensors)
        ctx.numbers = [None if isinstance(x, Tensor) else x for x in (temperature, log_weights)]
        return result

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        similarities, reference, is_negative, result, *tensors = ctx.saved_tensors
        temperature, log_weights = (tensors.pop(0) if x is None else x for x in ctx.numbers)
        given = (similarities, reference, temperature, log_weights, is_negative)
        of_row = (upstream[0] / temperature).unsqueeze(1)
        log_total = _finite(result).unsqueeze(1)

        def gradient(span: slice) -> Tensor:
            return (_exponents(*given, span) - log_total).exp() * of_row

        if torch.is_grad_enabled():  # the gradient is to be differentiated too
            by_similarities = gradient(slice(None))
        else:
            by_similarities = torch.empty_like(similarities)
            for span in spans(*similarities.shape, similarities.device):
                by_similarities[:, span] = gradient(span)
        by_reference = -of_row.squeeze(1).masked_fill(result == -torch.inf, 0.0)
        by_temperature = by_weights = None
        if ctx.needs_input_grad[2]:
            exponents = (similarities - reference.unsqueeze(1)) / temperature
            by_temperature = -(by_similarities * exponents).sum()
        if ctx.needs_input_grad[3]:
            by_weights = (by_similarities * temperature).sum_to_size(log_weights.shape)
        return by_similarities, by_reference, by_temperature, by_weights, None


def _exponents(
    similarities: Tensor,
    reference: Tensor,
    temperature: float | Tensor,
    log_weights: float | Tensor,
    is_negative: Tensor,
    span: slice,
) -> Tensor:
    """Return the exponents of some columns; −inf for what is no negative."""
    whole = isinstance(log_weights, Tensor) and log_weights.ndim > 0
    weights = log_weights[:, span] if whole else log_weights  # type: ignore[index]
    exponents = (similarities[:, span] - reference.unsqueeze(1)).div_(temperature).add_(weights)
    return exponents.masked_fill_(~is_negative[:, span], -torch.inf)


def _finite(greatest: Tensor) -> Tensor:
    """Return what exponents can be taken relative to; NaN stays, and is seen."""
    return greatest.masked_fill(greatest.isinf(), 0.0)
