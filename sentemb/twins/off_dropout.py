"""`OffDropout`: pairs with dropout's noise, contrasted without it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import nn

from sentemb.encoders.embedding import in_mode
from sentemb.pairs import OffDropoutPairs, Pairs
from sentemb.twins.heads import projected
from sentemb.twins.twin import EncoderTwin, need_two_views, text_numbers
from sentemb.types import Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class OffDropout(EncoderTwin):
    """Siamese pairs whose rows are contrasted by embeddings of the first view without dropout.

    A further pass of the encoder gives `OffDropoutPairs`: positives differ by dropout, negatives
    carry no noise. It has a gradient.

    Args:
        encoder: What is deployed.
        projector: A head used in training only.

    Source: Xu et al., 2023, SimCSE++ (arXiv:2305.13192), section 3, and the authors' code.
    """

    def __init__(self, encoder: "SentenceTransformer", projector: nn.Module | None = None) -> None:
        super().__init__(encoder)
        self.projector = projector

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of a batch of two views.

        Raises:
            UsageError: When there are fewer or more views.
        """
        need_two_views("OffDropout", features)
        with in_mode(self.encoder, training=False):
            embeddings = self.embed(features[:1], views[:1])
        embeddings += self.embed(features, views)
        clean, first, second = (projected(self.projector, view) for view in embeddings)
        return OffDropoutPairs(first, second, texts=text_numbers(features), clean=clean)
