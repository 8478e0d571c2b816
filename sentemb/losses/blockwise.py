"""A mean over rows whose similarities are never held all at once, nor is their gradient.

Candidates are compared as they are: where cosines are asked for, dot products are multiplied by the
candidates' inverse lengths, so that there is no second copy of them, of length 1.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.autograd.function import once_differentiable

from sentemb.losses.log_sum import spans
from sentemb.types import Embeddings, SimilarityMatrix

SMALLEST = 1e-12
"""A shorter embedding counts as one of this length, as in `torch.nn.functional.normalize`."""

OfRows = Callable[[Tensor, SimilarityMatrix, Tensor], Tensor]
"""From the positives' and the candidates' similarities of some rows, and their numbers, to a
loss of each."""


@dataclass(frozen=True)
class Compared:
    """What is compared with what, by dot product or by cosine.

    Args:
        anchors: Compared with the positives, shape ``[rows, dim]``.
        positives: Shape ``[rows, dim]``.
        rows: Compared with the candidates, shape ``[rows, dim]``.
        candidates: One after the other, each of shape ``[some, dim]``.
        by_cosine: Whether lengths count for nothing.
    """

    anchors: Embeddings
    positives: Embeddings
    rows: Embeddings
    candidates: tuple[Embeddings, ...]
    by_cosine: bool
    in_blocks: ClassVar[bool] = True
    """Whether similarities are products, of which some rows can be taken at a time."""

    def products(self) -> tuple[Tensor, SimilarityMatrix]:
        """Return the similarities of all rows with their positives, and with all candidates."""
        anchors, positives, rows, candidates = self.brought_to_length()
        return (anchors * positives).sum(dim=1), rows @ candidates.T

    def brought_to_length(self) -> tuple[Embeddings, ...]:
        """Return anchors, positives, rows and all candidates as they are compared."""
        candidates = torch.cat(self.candidates) if self.candidates[1:] else self.candidates[0]
        given = (self.anchors, self.positives, self.rows, candidates)
        return tuple(self.scaled(x) for x in given)

    def scaled(self, x: Embeddings) -> Embeddings:
        """Return embeddings at length 1 where cosines are compared."""
        return F.normalize(x, dim=1, eps=SMALLEST) if self.by_cosine else x


@dataclass(frozen=True)
class Part:
    """Some of the candidates, what their dot products are multiplied by, and their gradient.

    Args:
        candidates: Shape ``[some, dim]``.
        scale: Of each candidate, shape ``[some]``; None leaves them as they are.
        start: How many candidates come before them.
        gradient: What is added up, of the shape of the candidates; None where none is wanted.
    """

    candidates: Embeddings
    scale: Tensor | None
    start: int
    gradient: Tensor | None = None

    def spans(self, rows: int) -> Iterator[tuple[slice, slice]]:
        """Yield what is computed with at a time: its place here, and among all candidates."""
        for span in spans(rows, len(self.candidates), self.candidates.device):
            yield span, slice(self.start + span.start, self.start + span.stop)

    def widest(self, rows: int) -> slice:
        """Return the first of the spans, than which none is wider."""
        return next(of_all for _, of_all in self.spans(rows))

    def finish(self) -> None:
        """Take out of the gradient what would only change the candidates' lengths."""
        if self.gradient is None or self.scale is None:
            return
        for span, _ in self.spans(self.candidates.shape[1]):
            candidates, gradient = self.candidates[span], self.gradient[span]
            along = (candidates * gradient).sum(dim=1) * self.scale[span].square()
            gradient.addcmul_(candidates, along.unsqueeze(1), value=-1)


def parts_of(
    candidates: Sequence[Embeddings], by_cosine: bool, gradients: Sequence[Tensor | None]
) -> list[Part]:
    """Return candidates one after the other, with the scale that turns products into cosines."""
    parts, start = [], 0
    for each, gradient in zip(candidates, gradients, strict=True):
        own = each.detach()
        lengths = torch.linalg.vector_norm(own, dim=1) if by_cosine else None
        scale = None if lengths is None else lengths.clamp_(min=SMALLEST).reciprocal_()
        parts.append(Part(own, scale, start, gradient))
        start += len(own)
    return parts


def similarities_to(
    parts: Sequence[Part], rows: Embeddings, out: Tensor | None = None
) -> SimilarityMatrix:
    """Return the similarities of some rows with all candidates, without a gradient.

    Args:
        parts: The candidates.
        rows: The rows, at length 1 for cosines.
        out: Where to put them, one row each; more rows than these are left as they are.
    """
    if out is None:
        out = rows.new_empty(len(rows), sum(len(part.candidates) for part in parts))
    similarities = out[: len(rows)].detach()
    for part in parts:
        for own, of_all in part.spans(len(rows)):
            some = torch.mm(rows, part.candidates[own].T, out=similarities[:, of_all])
            if part.scale is not None:
                some *= part.scale[own]
    return similarities


def mean_blockwise(
    loss: OfRows, blocks: Sequence[Tensor], compared: Compared, learned: Sequence[Tensor]
) -> Tensor:
    """Return the mean over the rows of a loss of each; it can be differentiated once.

    Args:
        loss: From the similarities of some rows to the loss of each.
        blocks: The numbers of the rows that are held at once.
        compared: What the rows are compared with.
        learned: Parameters that the loss reads.
    """
    given = (compared.anchors, compared.positives, compared.rows, *compared.candidates)
    mean: Tensor = _MeanBlockwise.apply(  # type: ignore[no-untyped-call]
        loss, blocks, compared, *given, *learned
    )
    return mean


class _MeanBlockwise(torch.autograd.Function):
    """The mean of a loss over rows; its gradient is taken block by block in the forward.

    The first backward gives the gradient away, so that there is no second copy of it; where the
    graph is kept for another, that one computes it again.
    """

    @staticmethod
    def forward(
        ctx: Any, loss: OfRows, blocks: Sequence[Tensor], compared: Compared, *tensors: Tensor
    ) -> Tensor:
        ctx.given = (loss, blocks, compared)
        ctx.save_for_backward(*tensors)
        wanted = ctx.needs_input_grad[3:]
        mean, ctx.gradients = _mean_and_gradients(loss, blocks, compared, tensors, wanted)
        return mean

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        gradients, ctx.gradients = ctx.gradients, None
        if gradients is None:
            loss, blocks, compared = ctx.given
            wanted = ctx.needs_input_grad[3:]
            _, gradients = _mean_and_gradients(loss, blocks, compared, ctx.saved_tensors, wanted)
        for gradient in gradients:
            if gradient is not None:
                gradient *= upstream[0]
        return None, None, None, *gradients


def _mean_and_gradients(
    loss: OfRows,
    blocks: Sequence[Tensor],
    compared: Compared,
    tensors: Sequence[Tensor],
    wanted: Sequence[bool],
) -> tuple[Tensor, list[Tensor | None]]:
    """Return the mean, and its gradient by each of the tensors that want one."""
    gradients = [
        torch.zeros_like(x) if is_wanted else None
        for x, is_wanted in zip(tensors, wanted, strict=True)
    ]
    mean = _Mean(loss, compared, gradients, tensors[3 + len(compared.candidates) :])
    value = torch.stack([mean.add(number) for number in blocks]).sum()
    for part in mean.parts:
        part.finish()
    return value, gradients


class _Mean:
    """The blocks of a mean, and the gradients that they add up to.

    Args:
        loss: From the similarities of some rows to the loss of each.
        compared: What the rows are compared with.
        gradients: Of anchors, positives, rows, candidates and parameters; None where none is
            wanted.
        learned: Parameters that the loss reads.
    """

    def __init__(
        self,
        loss: OfRows,
        compared: Compared,
        gradients: Sequence[Tensor | None],
        learned: Sequence[Tensor],
    ) -> None:
        count = 3 + len(compared.candidates)
        self.parts = parts_of(compared.candidates, compared.by_cosine, gradients[3:count])
        self._loss = loss
        self._compared = compared
        self._of_rows, self._of_learned = gradients[:3], gradients[count:]
        self._learned = learned
        self._held: Tensor | None = None  # similarities; the first block is the largest
        self._is_wanted = any(gradient is not None for gradient in gradients)

    def add(self, number: Tensor) -> Tensor:
        """Return what some rows add to the mean, and add to the gradients."""
        compared = self._compared
        given = (compared.anchors, compared.positives, compared.rows)
        some = [x.detach()[number].requires_grad_() for x in given]
        with torch.set_grad_enabled(self._is_wanted):
            anchors, positives, rows = (compared.scaled(x) for x in some)
            positive = (anchors * positives).sum(dim=1)
            similarities = similarities_to(self.parts, rows.detach(), self._held)
            self._held = similarities.detach()
            similarities.requires_grad_()
            leaf = positive.detach().requires_grad_()
            value = self._loss(leaf, similarities, number).sum() / len(compared.rows)
            if self._is_wanted:
                by_rows, by_positive = self._differentiate(value, rows, similarities, leaf)
                # One number is differentiated: for gradients as an argument torch imports sympy.
                passed = (rows * by_rows).sum() + (positive * by_positive).sum()
                _put(self._of_rows, torch.autograd.grad(passed, some), number)
        return value.detach()

    def _differentiate(
        self, value: Tensor, rows: Tensor, similarities: Tensor, positive: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the gradients by rows and positives' similarities, and add up the others."""
        learned = [x for x in self._learned if x.requires_grad]
        by_positive, by_similarities, *by_learned = torch.autograd.grad(
            value, [positive, similarities, *learned], materialize_grads=True
        )
        wanting = [gradient for gradient in self._of_learned if gradient is not None]
        for gradient, more in zip(wanting, by_learned, strict=True):
            gradient += more
        return self._through(rows.detach(), by_similarities), by_positive

    def _through(self, rows: Tensor, by_similarities: Tensor) -> Tensor:
        """Return the gradient by some rows, and add up that by the candidates."""
        by_rows = torch.zeros_like(rows)
        for part in self.parts:
            scratch = torch.empty_like(by_similarities[:, part.widest(len(rows))])
            for own, of_all in part.spans(len(rows)):
                by = by_similarities[:, of_all]
                if part.scale is not None:
                    by = torch.mul(by, part.scale[own], out=scratch[:, : by.shape[1]])
                if self._of_rows[2] is not None:
                    by_rows.addmm_(by, part.candidates[own])
                if part.gradient is not None:
                    part.gradient[own].addmm_(by.T, rows)
        return by_rows


def _put(gradients: Sequence[Tensor | None], by: Sequence[Tensor], number: Tensor) -> None:
    """Put the gradients of some rows where they are wanted."""
    for gradient, some in zip(gradients, by, strict=True):
        if gradient is not None:
            gradient[number] = some
