"""A mean over rows whose similarities are never held all at once, nor is their gradient."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from sentemb.types import Embeddings, SimilarityMatrix

OfRows = Callable[[Tensor, SimilarityMatrix, Tensor], Tensor]
"""From the positives' and the candidates' similarities of some rows, and their numbers, to a
loss of each."""


def products(
    number: Tensor,
    anchors: Embeddings,
    positives: Embeddings,
    rows: Embeddings,
    candidates: Embeddings,
) -> tuple[Tensor, SimilarityMatrix]:
    """Return the dot products of some rows with their positives, and with all candidates.

    Args:
        number: Which rows.
        anchors: Compared with the positives, shape ``[rows, dim]``.
        positives: Shape ``[rows, dim]``.
        rows: Compared with the candidates, shape ``[rows, dim]``.
        candidates: Shape ``[candidates, dim]``.
    """
    return (anchors[number] * positives[number]).sum(dim=1), rows[number] @ candidates.T


def mean_blockwise(
    loss: OfRows, blocks: Iterable[Tensor], embeddings: Sequence[Tensor], learned: Sequence[Tensor]
) -> Tensor:
    """Return the mean over the rows of a loss of each; it can be differentiated once.

    Args:
        loss: From the similarities of some rows to the loss of each.
        blocks: The numbers of the rows that are held at once.
        embeddings: Anchors, positives, rows and candidates, as in `products`.
        learned: Parameters that the loss reads.
    """
    mean: Tensor = _MeanBlockwise.apply(  # type: ignore[no-untyped-call]
        loss, blocks, *embeddings, *learned
    )
    return mean


class _MeanBlockwise(torch.autograd.Function):
    """The mean of a loss over rows; its gradient is taken block by block in the forward."""

    @staticmethod
    def forward(ctx: Any, loss: OfRows, blocks: Iterable[Tensor], *tensors: Tensor) -> Tensor:
        embeddings, learned = tensors[:4], tensors[4:]
        rows = embeddings[2]
        total = rows.new_zeros(())
        wanted = ctx.needs_input_grad[2:]
        each = zip(tensors, wanted, strict=True)
        gradients = [torch.zeros_like(x) if is_wanted else None for x, is_wanted in each]
        for number in blocks:
            given = [x.requires_grad_() for x in products(number, *embeddings)]
            with torch.set_grad_enabled(any(wanted)):
                value = loss(given[0], given[1], number).sum()
            total += value.detach()
            if any(wanted):
                given += [x for x in learned if x.requires_grad]
                by = torch.autograd.grad(value, given, materialize_grads=True)
                _accumulate(gradients, tensors, number, by)
        for gradient in gradients:
            if gradient is not None:
                gradient /= len(rows)
        ctx.save_for_backward(*gradients)
        return total / len(rows)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        of_mean = upstream[0]
        gradients = [None if g is None else of_mean * g for g in ctx.saved_tensors]
        return None, None, *gradients


def _accumulate(
    gradients: Sequence[Tensor | None],
    tensors: Sequence[Tensor],
    number: Tensor,
    by: Sequence[Tensor],
) -> None:
    """Add what a block's similarities pass on to the embeddings they are the products of.

    Args:
        gradients: Of each tensor, None where it wants none.
        tensors: Anchors, positives, rows, candidates, and what is learned.
        number: The rows of the block.
        by: Gradients by the positives, by the candidates, and by what is learned and wants one.
    """
    anchors, positives, rows, candidates = tensors[:4]
    of_anchors, of_positives, of_rows, of_candidates, *of_learned = gradients
    by_positive, by_candidates, *by_learned = by
    by_positive = by_positive.unsqueeze(1)
    if of_anchors is not None:
        of_anchors[number] = by_positive * positives[number]
    if of_positives is not None:
        of_positives[number] = by_positive * anchors[number]
    if of_rows is not None:
        of_rows[number] = by_candidates @ candidates
    if of_candidates is not None:
        of_candidates.addmm_(by_candidates.T, rows[number])
    wanting = [gradient for gradient in of_learned if gradient is not None]
    for gradient, more in zip(wanting, by_learned, strict=True):
        gradient += more
