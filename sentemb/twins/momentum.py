"""`Momentum`: positives from a target encoder that follows the trained one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from sentemb.errors import UsageError
from sentemb.pairs import Pairs, QueuePairs
from sentemb.twins.ema import Schedule, follow, target_of
from sentemb.twins.heads import projected
from sentemb.twins.twin import need_two_views, swapped, text_numbers
from sentemb.twins.with_queue import WithQueue
from sentemb.types import Embeddings, Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Momentum(WithQueue):
    r"""Anchors of the trained encoder, positives of a target that is its moving average.

    - With a queue (MoCo v1, v2): the first view is the anchor, the second the positive, and the
      negatives are the positives of past batches alone. The first batch, which has none, is
      contrasted within itself.
    - With a predictor (MoCo v3, BYOL): each view predicts the target's embedding of the other,
      both ways round, and the loss is the mean.
    - With neither, negatives are the other rows' positives.

    The target moves after each step of the optimizer (`after_step`), the queue takes the batch in
    once its loss is known (`after_batch`).

    Args:
        encoder: What is deployed.
        momentum: Weight of the old target, by the progress of the run.
        projector: A head used in training only; the target has a copy, which follows.
        predictor: From the projector's output to a prediction of the target's.
        queue_size: Positives of past batches kept as negatives; 0 for no queue.
        key_dropout: Whether the target's dropout is on.

    Raises:
        UsageError: When there are a predictor and a queue.

    Source: He et al., 2020, MoCo (arXiv:1911.05722); Chen et al., 2021, MoCo v3
        (arXiv:2104.02057); Grill et al., 2020, BYOL (arXiv:2006.07733). Deviations: the queue
        starts empty; without batch normalisation in the encoder there is nothing to shuffle.
    """

    def __init__(
        self,
        encoder: "SentenceTransformer",
        momentum: Schedule,
        projector: nn.Module | None = None,
        predictor: nn.Module | None = None,
        queue_size: int = 0,
        key_dropout: bool = True,
    ) -> None:
        super().__init__(encoder, projector, queue_size)
        if predictor is not None and queue_size:
            raise UsageError(
                "A predictor predicts the other view's target, in both directions; a queue serves "
                "one (MoCo v2), and MoCo v3 has none: give a predictor or a queue_size, not both."
            )
        self.momentum = momentum
        self.predictor = predictor
        self.key_dropout = key_dropout
        self.target = target_of(encoder)
        self.target_projector = None if projector is None else target_of(projector)

    def train(self, mode: bool = True) -> "Momentum":
        """Set training mode; the target's dropout is on only where it is wanted."""
        super().train(mode)
        self.target.train(mode and self.key_dropout)
        return self

    def forward(
        self, features: Sequence[Features], views: Sequence[View] = ()
    ) -> Pairs | tuple[Pairs, Pairs]:
        """Return the pairs of a batch of two views; with a predictor, both pairings.

        Raises:
            UsageError: When there are fewer or more views.
        """
        need_two_views("Momentum", features)
        texts = text_numbers(features)
        if self.predictor is None:
            (anchor,) = self.embed(features[:1], views[:1])
            (positive,) = self._keys(features[1:], views[1:])
            return self._contrasted(Pairs(projected(self.projector, anchor), positive, texts=texts))
        first, second = (projected(self.projector, z) for z in self.embed(features, views))
        self.unpredicted = first.detach(), second.detach()
        first_key, second_key = self._keys(features, views)
        return (
            Pairs(self.predictor(first), second_key, texts=texts),
            Pairs(self.predictor(second), first_key, texts=swapped(texts)),
        )

    def _contrasted(self, pairs: Pairs) -> Pairs:
        if self.queue is None:
            return pairs
        anchors, positives = (None, None) if pairs.texts is None else pairs.texts.chunk(2)
        self.remember(pairs.positive, positives, anchors)
        if not len(self.queue):
            return pairs
        found = self.queue.as_negatives_of(pairs)
        return QueuePairs(**vars(found))

    @torch.no_grad()
    def _keys(self, features: Sequence[Features], views: Sequence[View]) -> list[Embeddings]:
        embeddings = self.embed(features, views, self.target)
        return [projected(self.target_projector, view) for view in embeddings]

    def after_step(self, progress: float) -> None:
        """Move the target towards the encoder, and its projector towards the encoder's."""
        momentum = self.momentum(progress)
        follow(self.target, self.encoder, momentum)
        if self.projector is not None and self.target_projector is not None:
            follow(self.target_projector, self.projector, momentum)
