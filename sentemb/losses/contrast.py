"""Rows against candidates: which of them are negatives, and the mean of a loss over the rows."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sentemb.losses.block import Block
from sentemb.losses.counting import count_as_masked
from sentemb.losses.in_blocks import mean_in_blocks
from sentemb.texts import Texts
from sentemb.types import Embeddings

BLOCK = 2**20
"""Similarities held at once; a million in float32 are 4 MiB."""
ROWS = 64
"""Rows at once all the same, where the candidates are so many that fewer would be slow."""


@dataclass(frozen=True)
class Contrast:
    """Rows, the positive of each, and the candidates that its negatives are among.

    Args:
        anchors: What is to be near its positive, shape ``[rows, dim]``.
        positives: Shape ``[rows, dim]``.
        rows: What is contrasted with the candidates; the anchors unless something stands for them.
        candidates: Shape ``[candidates, dim]``.
        own: For each row the candidates that are itself or its positive, shape ``[rows, k]``.
        texts: Where they are known, equal ones and pairs of the batch are no negatives.
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
            return loss(self.block(self.numbers()[0])).mean()
        return mean_in_blocks(self, loss, learned)

    def among_last(self, count: int) -> "Contrast":
        """Return the contrast with the last candidates alone, none of which is a row's own."""
        texts = self.texts and replace(self.texts, candidates=self.texts.candidates[-count:])
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

    def numbers(self) -> tuple[Tensor, ...]:
        """Return the numbers of the rows, as many at a time as are to be held at once."""
        at_once = max(ROWS, BLOCK // len(self.candidates))
        return torch.arange(len(self.rows), device=self.rows.device).tensor_split(
            list(range(at_once, len(self.rows), at_once))
        )
