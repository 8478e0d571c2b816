"""`TwoTower`: an encoder for each side of a pair."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from sentemb.encoders.padding import pads_right
from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.twins.heads import output_width
from sentemb.twins.twin import EncoderTwin, need_views_of_pairs, paired
from sentemb.types import Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class TwoTower(EncoderTwin):
    """Embed anchors with one encoder, positives and hard negatives with another.

    Both are deployed: the model folder is the anchors' encoder, and ``positive`` in it the other.

    Args:
        encoder: Of the anchors.
        other: Of positives and negatives; its tokens are those of ``encoder``.
        projector: A head used in training only, on the anchors.
        other_projector: The same on positives and negatives.

    Raises:
        UsageError: When the encoders do not read the same tokens, or their embeddings cannot be
            compared.

    Source: Radford et al., 2021, CLIP (arXiv:2103.00020); for texts Karpukhin et al., 2020, DPR
        (arXiv:2004.04906).
    """

    takes_hard_negatives: ClassVar[bool] = True

    def __init__(
        self,
        encoder: "SentenceTransformer",
        other: "SentenceTransformer",
        projector: nn.Module | None = None,
        other_projector: nn.Module | None = None,
    ) -> None:
        super().__init__(encoder)
        if encoder.tokenizer.get_vocab() != other.tokenizer.get_vocab():
            raise UsageError(
                "TwoTower needs encoders that read the same tokens: give two of one family."
            )
        widths = [output_width(projector, encoder), output_width(other_projector, other)]
        if widths[0] != widths[1]:
            raise UsageError(
                f"TwoTower compares both sides, but they have {widths[0]} and {widths[1]} "
                "dimensions: give projectors of one width."
            )
        pads_right(other)
        self.other = other
        self.projector = projector
        self.other_projector = other_projector

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of a batch of two or more views.

        Raises:
            UsageError: When there are fewer.
        """
        need_views_of_pairs(self, features)
        embeddings = self.embed(features[:1], views[:1])
        embeddings += self.embed(features[1:], views[1:], self.other)
        return paired(embeddings, features, self.projector, self.other_projector)

    def other_encoders(self) -> dict[str, "SentenceTransformer"]:
        """Return the other encoder, which is deployed too."""
        return {"positive": self.other}
