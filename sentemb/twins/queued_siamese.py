"""`QueuedSiamese`: a siamese encoder, and more negatives from the past."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from sentemb.pairs import Pairs
from sentemb.twins.ema import Schedule, follow, target_of
from sentemb.twins.heads import projected
from sentemb.twins.twin import need_two_views, text_numbers
from sentemb.twins.with_queue import WithQueue
from sentemb.types import Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class QueuedSiamese(WithQueue):
    """Siamese pairs, whose negatives are the other rows and a queue of a target's embeddings.

    The target follows the encoder; it embeds the first view of each batch without dropout, and the
    queue takes that in once the batch's loss is known.

    Args:
        encoder: What is deployed.
        momentum: Weight of the old target, by the progress of the run.
        queue_size: Embeddings of past batches kept as negatives.
        projector: A head used in training only, on both.

    Source: Wu et al., 2022, ESimCSE (arXiv:2109.04380), section 3.2, and the authors' repository.
    """

    def __init__(
        self,
        encoder: "SentenceTransformer",
        momentum: Schedule,
        queue_size: int,
        projector: nn.Module | None = None,
    ) -> None:
        super().__init__(encoder, projector, queue_size)
        self.momentum = momentum
        self.target = target_of(encoder)

    def train(self, mode: bool = True) -> "QueuedSiamese":
        """Set training mode; the target never has dropout."""
        super().train(mode)
        self.target.eval()
        return self

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of a batch of two views.

        Raises:
            UsageError: When there are fewer or more views.
        """
        need_two_views("QueuedSiamese", features)
        first, second = (projected(self.projector, z) for z in self.embed(features, views))
        with torch.no_grad():
            (key,) = self.embed(features[:1], views[:1], self.target)
            key = projected(self.projector, key)
        texts = text_numbers(features)
        self.remember(key, *((None, None) if texts is None else texts.chunk(2)))
        pairs = Pairs(first, second, texts=texts)
        return self.queue.as_negatives_of(pairs) if self.queue else pairs

    def after_step(self, progress: float) -> None:
        """Move the target towards the encoder."""
        follow(self.target, self.encoder, self.momentum(progress))
