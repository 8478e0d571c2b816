"""`Siamese`: one encoder for both views."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import nn

from sentemb.encoders.embed import embed, text_numbers
from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.types import Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Siamese(nn.Module):
    """Embed every view with the same encoder and the same head.

    The first view is the anchor, the second the positive, the third, where there is one, the hard
    negative. The encoder runs once over all views, the head once for each view.

    Args:
        encoder: What is deployed.
        projector: A head used in training only. A head that is kept belongs into the encoder.
        pooling: Used in training in place of the encoder's own, as ConSERT does.

    Source: Chen et al., 2020 (arXiv:2002.05709), for the projector.
    """

    def __init__(
        self,
        encoder: "SentenceTransformer",
        projector: nn.Module | None = None,
        pooling: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = projector
        self.pooling = pooling

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of a batch of two or three views.

        Raises:
            UsageError: When there are fewer or more views.
        """
        if len(features) not in (2, 3):
            raise UsageError(
                f"Siamese needs 2 views, or 3 with hard negatives, got {len(features)}."
            )
        embeddings = embed(self.encoder, features, views, self.pooling)
        if self.projector is not None:
            embeddings = [self.projector(view) for view in embeddings]
        anchor, positive, *negatives = embeddings
        hard = negatives[0] if negatives else None
        return Pairs(anchor, positive, hard, texts=text_numbers(features))
