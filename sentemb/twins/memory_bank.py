"""A vector of every text of the data, as it was when the text was last seen."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.twins.heads import output_width
from sentemb.twins.queue import Queue
from sentemb.twins.siamese import Siamese
from sentemb.types import Embeddings, Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class MemoryBank(Queue):
    """A queue in which each text has one place, where its newest embedding replaces the last.

    With a place for every text of the data nothing is dropped, and what is in it is an epoch old at
    most. A text that comes twice in a batch has its first embedding kept.

    Args:
        size: Texts it holds at most; the oldest places are taken where there are more.
        dim: Dimensions of the embeddings.

    Raises:
        UsageError: When the size is not positive.

    Source: Wu et al., 2018 (arXiv:1805.01978). Deviation: the newest embedding replaces the last,
        and is not averaged with it.
    """

    @torch.no_grad()
    def add(
        self, embeddings: Embeddings, texts: Tensor | None, partners: Tensor | None = None
    ) -> None:
        """Put embeddings at the places of their texts.

        Raises:
            UsageError: When the texts are not known.
        """
        if texts is None:
            raise UsageError("A memory bank finds rows by their text: leave `mask_identical` on.")
        size, count = len(self.texts), torch.arange(len(texts), device=texts.device)
        self._may_be_undone = True
        first = (texts.unsqueeze(1) == texts).int().argmax(dim=1)
        filled = torch.arange(size, device=texts.device) < self.filled
        known = (texts.unsqueeze(1) == self.texts) & filled
        is_new = ~known.any(dim=1) & (first == count)
        following = (self.position + is_new.cumsum(0) - 1) % size
        places = torch.where(known.any(dim=1), known.int().argmax(dim=1), following)[first]
        taken = (places.unsqueeze(1) == places) & is_new  # where a new text drops a known one
        source = torch.where(taken.any(dim=1), taken.int().argmax(dim=1), first)
        self.embeddings[places] = embeddings[source].to(self.embeddings.dtype)
        self.texts[places] = texts[source]
        self.partners[places] = (texts if partners is None else partners)[source]
        self.position.copy_((self.position + is_new.sum()) % size)
        self.filled.copy_((self.filled + is_new.sum()).clamp(max=size))


class BankedSiamese(Siamese):
    """Siamese pairs, whose negatives are the other rows and all rows that a memory bank holds.

    The bank takes in the first view of each batch once its loss is known. A row's own text is not
    contrasted with what the bank has of it.

    Args:
        encoder: What is deployed.
        bank_size: Texts that are held; all of the data, where they fit.
        projector: A head used in training only.

    Source: Wu et al., 2018 (arXiv:1805.01978).
    """

    queue_holds_negatives: ClassVar[bool] = True

    def __init__(
        self, encoder: "SentenceTransformer", bank_size: int, projector: nn.Module | None = None
    ) -> None:
        super().__init__(encoder, projector)
        self.queue = MemoryBank(bank_size, output_width(projector, encoder)).to(encoder.device)

    @property
    def name(self) -> str:
        """What errors call it."""
        return "BankedSiamese"

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of a batch of two or more views, with the bank as negatives.

        Raises:
            UsageError: When there are fewer.
        """
        pairs = self.pairs_of(features, views)
        if self.queue is None:
            return pairs
        self.queue.put(pairs.anchor, *(side.text_ids for side in pairs.views()))
        return self.queue.as_negatives_of(pairs) if len(self.queue) else pairs
