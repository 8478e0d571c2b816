"""`Queue`: embeddings of past batches, first in, first out."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from sentemb.errors import UsageError
from sentemb.pairs import Pairs, Side
from sentemb.types import Embeddings
from sentemb.values import require_at_least


class Queue(nn.Module):
    """A ring of embeddings and the ids of their texts; empty at first, saved with the twin.

    A batch is noted by `put`, and taken in by `dequeue_and_enqueue` once its loss is known. Of each
    embedding the queue also holds the text that it was a pair with: pairs are not negatives of each
    other, in whichever batch they stood.

    Args:
        size: Embeddings it holds at most.
        dim: Their dimensions.

    Raises:
        UsageError: When the size is not positive.

    Source: He et al., 2020, MoCo (arXiv:1911.05722), algorithm 1. Deviation: it starts empty and
        grows, where theirs starts full of random vectors, which are easy negatives.
    """

    embeddings: Tensor
    texts: Tensor
    partners: Tensor
    position: Tensor
    filled: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        require_at_least(1, queue_size=size)
        self.register_buffer("embeddings", torch.zeros(size, dim))
        self.register_buffer("texts", torch.zeros(size, dtype=torch.long))
        self.register_buffer("partners", torch.zeros(size, dtype=torch.long))
        self.register_buffer("position", torch.zeros((), dtype=torch.long))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))
        self._next: tuple[Embeddings, Tensor | None, Tensor | None] | None = None
        self._is_full, self._may_be_undone = False, True
        self.register_load_state_dict_pre_hook(_read_again)  # type: ignore[no-untyped-call]

    def __len__(self) -> int:
        """How many it holds; only while it fills is the device asked, which means to wait."""
        if self._is_full:
            return len(self.texts)
        count = int(self.filled)
        self._is_full = count == len(self.texts) and not self._may_be_undone
        return count

    def contents(self) -> Embeddings:
        """Return a copy of the embeddings that are in it."""
        return self.embeddings[: len(self)].clone()

    def as_negatives_of(self, pairs: Pairs) -> Pairs:
        """Return pairs with what is in the queue as their negatives, behind those they have."""
        queued = Side(self.contents(), self.texts[: len(self)])
        sides = [*pairs.negative_sides(), queued]
        negatives = torch.cat([side.embeddings for side in sides])
        own = _numbers_of_own(pairs)
        found = replace(pairs, negatives=negatives, present=None, texts=None, own=own)
        if pairs.texts is None:
            return found
        known = [side.text_ids for side in sides if side.text_ids is not None]
        texts = torch.cat([pairs.texts[: 2 * len(pairs.anchor)], *known])
        partners = torch.cat([*known[:-1], self.partners[: len(self)]])
        return replace(found, texts=texts, partners=partners)

    def put(
        self, embeddings: Embeddings, texts: Tensor | None = None, partners: Tensor | None = None
    ) -> None:
        """Note what `dequeue_and_enqueue` is to take in; see `add`."""
        self._next = embeddings.detach(), texts, partners

    def dequeue_and_enqueue(self) -> None:
        """Take in what was noted, and drop the oldest where it is full."""
        if self._next is not None:
            self.add(*self._next)

    @torch.no_grad()
    def add(
        self, embeddings: Embeddings, texts: Tensor | None, partners: Tensor | None = None
    ) -> None:
        """Put embeddings in, and the oldest out where it is full.

        Args:
            embeddings: Shape ``[count, dim]``.
            texts: The ids of their texts, where they are known.
            partners: The ids of the texts that they are pairs with; by default their own.
        """
        size, count = len(self.texts), len(embeddings)
        self._may_be_undone = True
        places = (self.position + torch.arange(count, device=self.texts.device)) % size
        self.embeddings[places] = embeddings.to(self.embeddings.dtype)
        if texts is not None:
            self.texts[places] = texts
            self.partners[places] = texts if partners is None else partners
        self.position.copy_((self.position + count) % size)
        self.filled.copy_((self.filled + count).clamp(max=size))

    def state(self) -> list[Tensor]:
        """Return copies of its buffers, for `restore`."""
        self._may_be_undone = False
        return [buffer.clone() for buffer in self.buffers()]

    def restore(self, state: Sequence[Tensor], where: Tensor | None) -> None:
        """Take the buffers back that `state` returned last; with a boolean, where it holds."""
        for buffer, was in zip(self.buffers(), state, strict=True):
            buffer.copy_(was if where is None else torch.where(where, was, buffer))
        self._is_full &= where is not None

    def check_batch(self, batch: int) -> None:
        """Raise unless it holds a whole batch.

        Raises:
            UsageError: When the batch is larger.
        """
        size = len(self.texts)
        if size < batch:
            raise UsageError(
                f"A queue of {size} cannot hold a batch of {batch}: give `queue_size={batch}` or "
                "more, or a smaller batch."
            )


def _numbers_of_own(pairs: Pairs) -> Tensor | None:
    """Return the numbers of each row's hard negatives among `Pairs.negative_sides`."""
    if pairs.negatives is None or pairs.negatives.ndim == 2:
        return None
    there = pairs.present
    if there is None:
        there = torch.ones(pairs.negatives.shape[:2], dtype=torch.bool, device=pairs.anchor.device)
    numbers = there.flatten().cumsum(0).view_as(there) - 1
    return numbers.masked_fill(~there, -1)


def _read_again(queue: Queue, *_: object) -> None:
    queue._is_full = False
