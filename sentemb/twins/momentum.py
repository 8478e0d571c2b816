"""Twins with a target: a copy of the encoder that follows it as a moving average."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from sentemb.pairs import Pairs, QueuePairs
from sentemb.twins.ema import Schedule, follow, target_of
from sentemb.twins.heads import output_width, projected
from sentemb.twins.queue import Queue
from sentemb.twins.twin import (
    EncoderTwin,
    cause_with_a_predictor,
    need_two_views,
    need_views_of_pairs,
    paired,
    swapped,
    text_ids,
)
from sentemb.types import Embeddings, Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Momentum(EncoderTwin):
    r"""Anchors of the trained encoder, positives of a target that is its moving average.

    The first view is the anchor, the second the positive; negatives are the other rows' positives,
    and further views, which are hard negatives and seen by the target too. The target moves after
    each step of the optimizer.

    Args:
        encoder: What is deployed.
        momentum: Weight of the old target, by the progress of the run.
        projector: A head used in training only; the target has a copy, which follows.
        key_dropout: Whether the target's dropout is on.

    Source: He et al., 2020, MoCo (arXiv:1911.05722), without its queue.
    """

    def __init__(
        self,
        encoder: "SentenceTransformer",
        momentum: Schedule,
        projector: nn.Module | None = None,
        key_dropout: bool = True,
    ) -> None:
        super().__init__(encoder)
        self.projector = projector
        self.momentum = momentum
        self.key_dropout = key_dropout
        self.target = target_of(encoder)
        self.target_projector = None if projector is None else target_of(projector)

    takes_hard_negatives: ClassVar[bool] = True

    def train(self, mode: bool = True) -> "Momentum":
        """Set training mode; the target's dropout is on only where it is wanted."""
        super().train(mode)
        self.target.train(mode and self.key_dropout)
        return self

    def forward(
        self, features: Sequence[Features], views: Sequence[View] = ()
    ) -> Pairs | tuple[Pairs, ...]:
        """Return the pairs of a batch of two or more views.

        Raises:
            UsageError: When there are fewer.
        """
        return self.anchors_and_keys(features, views)

    def anchors_and_keys(self, features: Sequence[Features], views: Sequence[View]) -> Pairs:
        """Pair the first view, by the encoder, up with the others, by the target."""
        need_views_of_pairs(self, features)
        (anchor,) = self.embed(features[:1], views[:1])
        return paired([anchor, *self.keys(features[1:], views[1:])], features, self.projector)

    @torch.no_grad()
    def keys(self, features: Sequence[Features], views: Sequence[View]) -> list[Embeddings]:
        """Return what the target, and its projector, make of each view."""
        embeddings = self.embed(features, views, self.target)
        return [projected(self.target_projector, view) for view in embeddings]

    def on_step_end(self, progress: float, taken: Tensor | float = 1.0) -> None:
        """Move the target towards the encoder, and its projector towards the encoder's."""
        momentum = self.momentum(progress)
        follow(self.target, self.encoder, momentum, taken)
        if self.projector is not None and self.target_projector is not None:
            follow(self.target_projector, self.projector, momentum, taken)


class MomentumQueue(Momentum):
    """`Momentum` whose negatives are the positives of past batches, and hard negatives.

    The first batch, which has none, is contrasted within itself. The queue takes a batch in once
    its loss is known.

    Args:
        encoder: What is deployed.
        momentum: Weight of the old target, by the progress of the run.
        queue_size: Positives of past batches kept as negatives.
        projector: A head used in training only; the target has a copy, which follows.
        key_dropout: Whether the target's dropout is on.

    Source: He et al., 2020, MoCo (arXiv:1911.05722). Deviations: the queue starts empty; without
        batch normalisation in the encoder there is nothing to shuffle.
    """

    queue_holds_negatives: ClassVar[bool] = True

    def __init__(
        self,
        encoder: "SentenceTransformer",
        momentum: Schedule,
        queue_size: int,
        projector: nn.Module | None = None,
        key_dropout: bool = True,
    ) -> None:
        super().__init__(encoder, momentum, projector, key_dropout)
        self.queue = Queue(queue_size, output_width(projector, encoder)).to(encoder.device)

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of a batch of two or more views, with the queue as negatives.

        Raises:
            UsageError: When there are fewer.
        """
        pairs = self.anchors_and_keys(features, views)
        if self.queue is None:
            return pairs
        anchors, positives = (side.text_ids for side in pairs.views())
        self.queue.put(pairs.positive, positives, anchors)
        if not len(self.queue):
            return pairs
        return QueuePairs(**vars(self.queue.as_negatives_of(pairs)))

    def most_negatives(self, batch: int, views: int) -> int:
        """Return how many negatives a row may have: those of a full queue, and hard ones."""
        most = super().most_negatives(batch, views)
        return most if self.queue is None else most - (batch - 1)


class MomentumPredictor(Momentum):
    """Each view predicts the target's embedding of the other, both ways round.

    Args:
        encoder: What is deployed.
        momentum: Weight of the old target, by the progress of the run.
        predictor: From the projector's output to a prediction of the target's.
        projector: A head used in training only; the target has a copy, which follows.
        key_dropout: Whether the target's dropout is on.

    Source: Grill et al., 2020, BYOL (arXiv:2006.07733); Chen et al., 2021, MoCo v3
        (arXiv:2104.02057).
    """

    takes_hard_negatives: ClassVar[bool] = False

    def __init__(
        self,
        encoder: "SentenceTransformer",
        momentum: Schedule,
        predictor: nn.Module,
        projector: nn.Module | None = None,
        key_dropout: bool = True,
    ) -> None:
        super().__init__(encoder, momentum, projector, key_dropout)
        self.predictor = predictor

    def forward(
        self, features: Sequence[Features], views: Sequence[View] = ()
    ) -> tuple[Pairs, Pairs]:
        """Return both pairings of a batch of two views.

        Raises:
            UsageError: When there are fewer or more views.
        """
        need_two_views(self, features)
        texts = text_ids(features)
        first, second = (projected(self.projector, z) for z in self.embed(features, views))
        self.before_predictor = first.detach(), second.detach()
        first_key, second_key = self.keys(features, views)
        return (
            Pairs(self.predictor(first), second_key, texts=texts),
            Pairs(self.predictor(second), first_key, texts=swapped(texts)),
        )

    def cause_of_collapse(self, *, contrasted: bool) -> str:
        """Name the predictor."""
        return cause_with_a_predictor(contrasted=contrasted)


class QueuedSiamese(EncoderTwin):
    """Siamese pairs, whose negatives are the other rows and a queue of a target's embeddings.

    Views behind the second are hard negatives.

    The target follows the encoder; it embeds the first view of each batch without dropout, and the
    queue takes that in once the batch's loss is known.

    Args:
        encoder: What is deployed.
        momentum: Weight of the old target, by the progress of the run.
        queue_size: Embeddings of past batches kept as negatives.
        projector: A head used in training only, on both.

    Source: Wu et al., 2022, ESimCSE (arXiv:2109.04380), section 3.2, and the authors' repository.
    """

    takes_hard_negatives: ClassVar[bool] = True
    queue_holds_negatives: ClassVar[bool] = True

    def __init__(
        self,
        encoder: "SentenceTransformer",
        momentum: Schedule,
        queue_size: int,
        projector: nn.Module | None = None,
    ) -> None:
        super().__init__(encoder)
        self.projector = projector
        self.queue = Queue(queue_size, output_width(projector, encoder)).to(encoder.device)
        self.momentum = momentum
        self.target = target_of(encoder)

    def train(self, mode: bool = True) -> "QueuedSiamese":
        """Set training mode; the target never has dropout."""
        super().train(mode)
        self.target.eval()
        return self

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of a batch of two or more views.

        Raises:
            UsageError: When there are fewer.
        """
        need_views_of_pairs(self, features)
        pairs = paired(self.embed(features, views), features, self.projector, self.projector)
        with torch.no_grad():
            (key,) = self.embed(features[:1], views[:1], self.target)
            key = projected(self.projector, key)
        if self.queue is None:
            return pairs
        self.queue.put(key, *(side.text_ids for side in pairs.views()))
        return self.queue.as_negatives_of(pairs) if len(self.queue) else pairs

    def on_step_end(self, progress: float, taken: Tensor | float = 1.0) -> None:
        """Move the target towards the encoder."""
        follow(self.target, self.encoder, self.momentum(progress), taken)
