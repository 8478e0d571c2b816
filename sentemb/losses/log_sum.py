"""log Σ exp over the negatives of some rows, a few columns at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from sentemb.types import SimilarityMatrix

CACHED = 2**17
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

    −inf for a row without negatives. One matrix is made, of exponentials, which turns into the
    gradient.

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


@dataclass(frozen=True)
class _Exponents:
    """What `log_sum_exp` is given, and the exponents that come of it."""

    similarities: Tensor
    reference: Tensor
    temperature: float | Tensor
    log_weights: float | Tensor
    is_negative: Tensor

    def spans(self) -> Iterator[slice]:
        rows, candidates = self.similarities.shape
        return spans(rows, candidates, self.similarities.device)

    def all(self) -> Tensor:
        """Return all exponents, which can be differentiated; −inf for what is not a negative."""
        exponents = (self.similarities - self.reference.unsqueeze(1)) / self.temperature
        return (exponents + self.log_weights).masked_fill(~self.is_negative, -torch.inf)

    def exponentials(self) -> tuple[Tensor, list[Tensor], Tensor]:
        """Return them, the greatest exponent that those of each span are relative to, and log Σ.

        The greatest is the greatest so far, so that one pass is enough.
        """
        every = torch.empty_like(self.similarities)
        weights, masked = self.log_weights, ~self.is_negative
        if isinstance(weights, Tensor):
            weights = weights.expand_as(every)
        greatest = torch.full_like(self.reference, -torch.inf)
        total, tops = torch.zeros_like(self.reference), []
        for span in self.spans():
            some = every[:, span]
            torch.sub(self.similarities[:, span], self.reference.unsqueeze(1), out=some)
            some.div_(self.temperature)
            some.add_(weights[:, span] if isinstance(weights, Tensor) else weights)
            some.masked_fill_(masked[:, span], -torch.inf)
            before, greatest = greatest, torch.maximum(greatest, some.amax(dim=1))
            top = _finite(greatest)
            some.sub_(top.unsqueeze(1)).exp_()
            total = total * (before - top).exp() + some.sum(dim=1)
            tops.append(greatest)
        return every, tops, total.log() + _finite(greatest)


class _LogSumExp(torch.autograd.Function):
    """The first backward turns the exponentials into the gradient; another computes them again."""

    @staticmethod
    def forward(
        ctx: Any,
        similarities: Tensor,
        reference: Tensor,
        temperature: float | Tensor,
        log_weights: float | Tensor,
        is_negative: Tensor,
    ) -> Tensor:
        given = _Exponents(similarities, reference, temperature, log_weights, is_negative)
        *ctx.exponentials, result = given.exponentials()
        tensors = [x for x in (temperature, log_weights) if isinstance(x, Tensor)]
        ctx.save_for_backward(similarities, reference, is_negative, result, *tensors)
        ctx.numbers = [None if isinstance(x, Tensor) else x for x in (temperature, log_weights)]
        return result

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        similarities, reference, is_negative, result, *tensors = ctx.saved_tensors
        temperature, log_weights = (tensors.pop(0) if x is None else x for x in ctx.numbers)
        given = _Exponents(similarities, reference, temperature, log_weights, is_negative)
        of_row, log_sum = upstream[0] / temperature, _finite(result)
        if torch.is_grad_enabled():  # the gradient is to be differentiated too
            by_similarities = (given.all() - log_sum.unsqueeze(1)).exp() * of_row.unsqueeze(1)
        else:
            by_similarities, tops = ctx.exponentials or given.exponentials()[:2]
            ctx.exponentials = None
            for span, top in zip(given.spans(), tops, strict=True):
                by_similarities[:, span] *= ((top - log_sum).exp() * of_row).unsqueeze(1)
        by_reference = -of_row.masked_fill(result == -torch.inf, 0.0)
        by_temperature = by_weights = None
        if ctx.needs_input_grad[2]:
            differences = similarities - reference.unsqueeze(1)
            by_temperature = -(by_similarities * differences).sum() / temperature
        if ctx.needs_input_grad[3]:
            by_weights = (by_similarities * temperature).sum_to_size(log_weights.shape)
        return by_similarities, by_reference, by_temperature, by_weights, None


def _finite(greatest: Tensor) -> Tensor:
    """Return what exponents can be taken relative to; NaN stays, and is seen."""
    return greatest.masked_fill(greatest.isinf(), 0.0)
