r"""Rows against candidates: what the losses with negatives share.

.. math:: \log \xi_i = \log \sum_{j \in N(i)} e^{(s_{ij} - s_{i+}) / \tau}

InfoNCE is :math:`\log(1 + \xi)`, FlatNCE is :math:`\log \xi`. Written so, InfoNCE keeps its
gradient in float32 where the softmax form has rounded it away (Chen et al., 2021,
arXiv:2107.01152).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.types import Embeddings, Similarities

BLOCK = 2**20
"""Similarities held at once; a million in float32 are 4 MiB."""
ROWS = 64
"""Rows at once all the same, where the candidates are so many that fewer would be slow."""

_counts: ContextVar[list[Tensor] | None] = ContextVar("counts", default=None)


@contextmanager
def counting() -> Iterator[list[Tensor]]:
    """Collect, while losses are computed, how many candidates were no negatives of a row.

    For their text or their similarity; its own positive, and itself, do not count. The list stays
    empty where nothing is contrasted.
    """
    counts: list[Tensor] = []
    token = _counts.set(counts)
    try:
        yield counts
    finally:
        _counts.reset(token)


def count_as_masked(number: Tensor) -> None:
    """Add to what is counted, if it is."""
    counts = _counts.get()
    if counts is not None:
        counts.append(number.detach())


@dataclass(frozen=True)
class Block:
    """Similarities of some rows.

    Args:
        positive: Of each row and its positive, shape ``[rows]``.
        candidates: Of each row and every candidate, shape ``[rows, candidates]``.
        is_negative: Which candidates are negatives of which row, same shape.
        number: The number of each row in its contrast, shape ``[rows]``.
    """

    positive: Tensor
    candidates: Similarities
    is_negative: Tensor
    number: Tensor

    def log_xi(self, temperature: float | Tensor, log_weights: Tensor | float = 0.0) -> Tensor:
        r"""Return :math:`\log \xi`, shape ``[rows]``; −inf for a row without negatives.

        Args:
            temperature: τ.
            log_weights: Logarithm of a weight for each candidate.
        """
        exponents = (self.candidates - self.positive.unsqueeze(1)) / temperature + log_weights
        return self.log_sum(exponents)

    def log_count(self) -> Tensor:
        """Return the logarithm of the number of each row's negatives; 0 where there is none."""
        count = self.is_negative.sum(dim=1).clamp(min=1)
        return count.to(self.positive.dtype).log()

    def log_sum(self, exponents: Tensor) -> Tensor:
        """Return log Σ exp over each row's negatives; −inf for a row without any."""
        none = ~self.is_negative.any(dim=1)
        kept = exponents.masked_fill(~self.is_negative, -torch.inf)
        kept = kept.masked_fill(none.unsqueeze(1), 0.0)  # logsumexp of −inf has no gradient
        return kept.logsumexp(dim=1).masked_fill(none, -torch.inf)


@dataclass(frozen=True)
class Texts:
    """Numbers of texts, equal for equal ones: of rows and candidates, and of what matches each."""

    rows: Tensor
    positives: Tensor
    candidates: Tensor
    partners: Tensor

    def match(self, number: Tensor) -> Tensor:
        """Say which candidates have a row's own text, its positive's, or its text as positive."""
        row, positive = self.rows[number].unsqueeze(1), self.positives[number].unsqueeze(1)
        return (self.candidates == row) | (self.candidates == positive) | (self.partners == row)


@dataclass(frozen=True)
class Contrast:
    """Rows, the positive of each, and the candidates that its negatives are among.

    Args:
        anchors: What is to be near its positive, shape ``[rows, dim]``.
        positives: Shape ``[rows, dim]``.
        rows: What is contrasted with the candidates; the anchors unless something stands for them.
        candidates: Shape ``[candidates, dim]``.
        own: For each row the candidates that are itself or its positive, shape ``[rows, k]``.
        texts: Where they are known, equal ones are no negatives.
        mask_above: Candidates of a greater cosine are no negatives.
    """

    anchors: Embeddings
    positives: Embeddings
    rows: Embeddings
    candidates: Embeddings
    own: Tensor
    texts: Texts | None
    mask_above: float

    def mean(self, loss: Callable[[Block], Tensor]) -> Tensor:
        """Return the mean over the rows of a loss of each, shape ``[rows]``.

        Memory grows with the rows and with the candidates, not with their product: a large product
        is computed in blocks of rows, and so is its gradient. Value and gradient are the same.

        Args:
            loss: From the similarities of some rows to the loss of each. Where it reads parameters
                that learn (a temperature), it is a method of the ``nn.Module`` that has them.
        """
        owner = getattr(loss, "__self__", None)
        learned = list(owner.parameters()) if isinstance(owner, nn.Module) else []
        if len(self.rows) * len(self.candidates) <= BLOCK:
            return loss(self.block(self._numbers()[0])).mean()
        tensors = (self.anchors, self.positives, self.rows, self.candidates, *learned)
        mean: Tensor = _MeanInBlocks.apply(self, loss, *tensors)  # type: ignore[no-untyped-call]
        return mean

    def among_last(self, count: int) -> "Contrast":
        """Return the contrast with the last candidates alone, none of which is a row's own."""
        texts = self.texts and replace(
            self.texts,
            candidates=self.texts.candidates[-count:],
            partners=self.texts.partners[-count:],
        )
        candidates = self.candidates[-count:]
        return replace(self, candidates=candidates, own=self.own[:, :0], texts=texts)

    def block(self, number: Tensor) -> Block:
        """Return the similarities of some rows, by their numbers."""
        positive = (self.anchors[number] * self.positives[number]).sum(dim=1)
        candidates = self.rows[number] @ self.candidates.T
        return Block(positive, candidates, self.is_negative(number), number)

    @torch.no_grad()
    def is_negative(self, number: Tensor) -> Tensor:
        """Say which candidates are negatives of which of some rows, ``[rows, candidates]``."""
        shape = (len(number), len(self.candidates))
        negative = torch.ones(shape, dtype=torch.bool, device=number.device)
        negative.scatter_(1, self.own[number], False)
        if self.texts is not None:
            negative &= ~self.texts.match(number)
        if self.mask_above != math.inf:
            rows, candidates = (F.normalize(x, dim=1) for x in (self.rows[number], self.candidates))
            negative &= ~(rows @ candidates.T > self.mask_above)  # NaN stays, and is seen
        possible = len(number) * (len(self.candidates) - self.own.shape[1])
        count_as_masked(possible - negative.sum())
        return negative

    def _numbers(self) -> tuple[Tensor, ...]:
        at_once = max(ROWS, BLOCK // len(self.candidates))
        return torch.arange(len(self.rows), device=self.rows.device).tensor_split(
            list(range(at_once, len(self.rows), at_once))
        )


class _MeanInBlocks(torch.autograd.Function):
    """The mean of a loss over rows; its gradient is taken block by block in the forward.

    It can be differentiated once.
    """

    @staticmethod
    def forward(
        ctx: Any,
        contrast: Contrast,
        loss: Callable[[Block], Tensor],
        *tensors: Tensor,
    ) -> Tensor:
        learned = tensors[4:]
        rows = contrast.rows
        total = rows.new_zeros(())
        wanted = ctx.needs_input_grad[2:]
        each = zip(tensors, wanted, strict=True)
        gradients = [torch.zeros_like(x) if is_wanted else None for x, is_wanted in each]
        for number in contrast._numbers():
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


def one_way(pairs: Pairs) -> Contrast:
    """Contrast each anchor with the other anchors' positives and all negatives.

    Raises:
        UsageError: When there is nothing to contrast with.
    """
    _need_a_negative(pairs)
    number = torch.arange(len(pairs.anchor), device=pairs.anchor.device)
    rows = pairs.anchor if pairs.contrasted is None else pairs.contrasted
    others = pairs.positive if pairs.contrasted is None else pairs.contrasted
    texts = None
    if pairs.texts is not None:
        anchor, positive, negatives = pairs.split_texts()
        texts = Texts(
            anchor,
            positive,
            candidates=torch.cat([positive, negatives]),
            partners=torch.cat([anchor, negatives]),
        )
    candidates = _joined(others, pairs.negatives)
    own = number.unsqueeze(1)
    whole = Contrast(pairs.anchor, pairs.positive, rows, candidates, own, texts, pairs.mask_above)
    return whole if pairs.in_batch else whole.among_last(_count(pairs.negatives))


def two_views(pairs: Pairs) -> Contrast:
    """Contrast all 2N rows, each with the 2N − 2 others and all negatives.

    Rows are the anchors, then the positives.

    Raises:
        UsageError: When there is nothing to contrast with.
    """
    _need_a_negative(pairs)
    anchors = torch.cat([pairs.anchor, pairs.positive])
    partners = torch.cat([pairs.positive, pairs.anchor])
    rows = anchors if pairs.contrasted is None else pairs.contrasted.repeat(2, 1)
    number = torch.arange(len(rows), device=rows.device)
    own = torch.stack([number, number.roll(len(pairs.anchor))], dim=1)
    texts = None
    if pairs.texts is not None:
        anchor, positive, negatives = pairs.split_texts()
        texts = Texts(
            torch.cat([anchor, positive]),
            torch.cat([positive, anchor]),
            candidates=torch.cat([anchor, positive, negatives]),
            partners=torch.cat([positive, anchor, negatives]),
        )
    candidates = _joined(rows, pairs.negatives)
    whole = Contrast(anchors, partners, rows, candidates, own, texts, pairs.mask_above)
    return whole if pairs.in_batch else whole.among_last(_count(pairs.negatives))


def within_view(pairs: Pairs, rows: Embeddings, which: int) -> Tensor:
    """Say which rows of one view are no false negatives of each other, ``[batch, batch]``.

    Args:
        pairs: Their texts, where they are known, and their bound on cosines.
        rows: The embeddings of that view.
        which: 0 for the anchors, 1 for the positives.
    """
    number = torch.arange(len(rows), device=rows.device)
    texts = None
    if pairs.texts is not None:
        mine, others = pairs.split_texts()[:2][:: 1 if which == 0 else -1]
        texts = Texts(mine, others, candidates=mine, partners=others)
    own = number.unsqueeze(1)
    return Contrast(rows, rows, rows, rows, own, texts, pairs.mask_above).is_negative(number)


def _joined(first: Embeddings, negatives: Embeddings | None) -> Embeddings:
    return first if negatives is None else torch.cat([first, negatives])


def _count(negatives: Embeddings | None) -> int:
    return 0 if negatives is None else len(negatives)


def _need_a_negative(pairs: Pairs) -> None:
    if _count(pairs.negatives):
        return
    if not pairs.in_batch:
        raise UsageError(
            "Only a queue's embeddings are negatives here, and there are none for this direction: "
            "use a loss of one direction, as infonce or flatnce-one-way."
        )
    if len(pairs.anchor) < 2:
        raise UsageError(
            "A batch of 1 pair has no negative to contrast with: use a batch of 2 or more, "
            "or give negatives."
        )
