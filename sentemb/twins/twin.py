"""What every twin architecture is, as the method sees it, and what ours share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from sentemb.encoders.embedding import TEXTS, embed
from sentemb.encoders.gather import gathered
from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.types import Embeddings, Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


WATCHED = 64
"""Rows of a batch that are kept to look at."""


class Twin(Protocol):
    """Turns the views of a batch into pairs; owns every parameter that trains.

    An ``nn.Module`` whose attribute ``encoder`` is what is deployed. Whatever else it holds
    (projector, queue, …) lives in training only.
    """

    encoder: "SentenceTransformer"

    def __call__(
        self, features: Sequence[Features], views: Sequence[View] = ()
    ) -> Pairs | tuple[Pairs, ...]:
        """Embed the views and pair them up; of several pairings the loss is the mean."""
        ...


class EncoderTwin(nn.Module):
    """What our twins share: an encoder, its micro-batches, the rows of every process.

    Heads see the whole batch, of all processes, whatever the encoder takes at once; so batch
    normalisation, prototypes and queues do not depend on how the batch is divided.

    Args:
        encoder: What is deployed.
        pooling: Used in training in place of the encoder's own.
    """

    micro_batch = 0
    """Rows that the encoder takes at once; 0 for all."""
    has_logits = False
    """Whether some parameters serve ``Pairs.logits`` alone, which not every loss reads."""

    def __init__(self, encoder: "SentenceTransformer", pooling: nn.Module | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling
        self.seen: Features = {}
        """The first view of some rows of the last batch, of this process."""
        self.unpredicted: tuple[Embeddings, Embeddings] | None = None
        """Both views of the last batch before a predictor, where there is one."""

    def embed(
        self,
        features: Sequence[Features],
        views: Sequence[View],
        encoder: "SentenceTransformer | None" = None,
    ) -> list[Embeddings]:
        """Return the embeddings of each view, of the rows of every process."""
        embeddings = embed(encoder or self.encoder, features, views, self.pooling, self.micro_batch)
        if encoder is None:
            self.seen = {name: tensor[:WATCHED] for name, tensor in features[0].items()}
        return [gathered(view) for view in embeddings]

    def towers(self) -> dict[str, "SentenceTransformer"]:
        """Return what is deployed beside ``encoder``, by the name of its folder."""
        return {}

    def constant_rate(self) -> list[nn.Parameter]:
        """Return the parameters whose learning rate does not decay."""
        return []

    def check_batch(self, batch: int) -> None:
        """Raise where a batch of so many rows, of all processes, does not fit the twin."""

    def after_batch(self) -> None:
        """Take note of the last batch, once its loss is known; in training only."""

    def after_step(self, progress: float) -> None:
        """Follow a step of the optimizer; progress through the run is in [0, 1]."""


def text_numbers(features: Sequence[Features]) -> Tensor | None:
    """Return the numbers of the texts of all views and processes, one view after the other.

    None where they are not known.
    """
    if TEXTS not in features[0]:
        return None
    return torch.cat([gathered(view[TEXTS]) for view in features])


def swapped(texts: Tensor | None) -> Tensor | None:
    """Return the numbers of two views' texts the other way round."""
    return texts if texts is None else texts.roll(len(texts) // 2)


def need_two_views(twin: str, features: Sequence[Features]) -> None:
    """Raise unless there are two views.

    Raises:
        UsageError: When there are fewer or more.
    """
    if len(features) != 2:
        more = ": drop the hard-negative column or use Siamese" if len(features) > 2 else ""
        raise UsageError(f"{twin} needs 2 views, got {len(features)}{more}.")
