"""A mean over rows whose similarities are never held all at once, nor is their gradient."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sentemb.losses.block import Block

if TYPE_CHECKING:
    from sentemb.losses.contrast import Contrast


def mean_in_blocks(
    contrast: "Contrast", loss: Callable[[Block], Tensor], learned: Sequence[Tensor]
) -> Tensor:
    """Return the mean over the rows of a loss of each.

    Args:
        contrast: Rows and candidates; says how many rows are held at once.
        loss: From the similarities of some rows to the loss of each.
        learned: Parameters that the loss reads.
    """
    embeddings = (contrast.anchors, contrast.positives, contrast.rows, contrast.candidates)
    mean: Tensor = _MeanInBlocks.apply(  # type: ignore[no-untyped-call]
        contrast, loss, *embeddings, *learned
    )
    return mean


class _MeanInBlocks(torch.autograd.Function):
    """The mean of a loss over rows; its gradient is taken block by block in the forward.

    It can be differentiated once.
    """

    @staticmethod
    def forward(
        ctx: Any,
        contrast: "Contrast",
        loss: Callable[[Block], Tensor],
        *tensors: Tensor,
    ) -> Tensor:
        learned = tensors[4:]
        rows = contrast.rows
        total = rows.new_zeros(())
        wanted = ctx.needs_input_grad[2:]
        each = zip(tensors, wanted, strict=True)
        gradients = [torch.zeros_like(x) if is_wanted else None for x, is_wanted in each]
        for number in contrast.numbers():
            block = contrast.block(number)
            given = [block.positive.requires_grad_(), block.candidates.requires_grad_()]
            given += [x for x in learned if x.requires_grad]
            with torch.set_grad_enabled(any(wanted)):
                value = loss(block).sum()
            total += value.detach()
            if any(wanted):
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
