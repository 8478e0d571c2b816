"""One encoder for both views: `Siamese`, and `OffDropout` with another contrast."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from sentemb.encoders.embedding import in_mode
from sentemb.pairs import OffDropoutPairs, Pairs
from sentemb.twins.heads import projected
from sentemb.twins.twin import (
    EncoderTwin,
    cause_with_a_predictor,
    need_two_views,
    need_views_of_pairs,
    paired,
    swapped,
    text_ids,
)
from sentemb.types import Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Siamese(EncoderTwin):
    r"""Embed every view with the same encoder and the same head.

    The first view is the anchor, the second the positive, further ones are hard negatives. The
    encoder runs once over all views, the head once for each view.

    With a predictor, each view predicts the other, which gets no gradient, both ways round:

    .. math:: (p(z_1), \operatorname{sg} z_2), \quad (p(z_2), \operatorname{sg} z_1), \qquad
        z = \text{projector}(\text{encoder}(x))

    Args:
        encoder: What is deployed.
        projector: A head used in training only. A head that is kept belongs into the encoder.
        predictor: From the projector's output to a prediction of the other view's; its learning
            rate does not decay.
        pooling: Used in training in place of the encoder's own, as ConSERT does.

    Source: Chen et al., 2020 (arXiv:2002.05709), for the projector; Chen and He, 2021, SimSiam
        (arXiv:2011.10566), algorithm 1, for the predictor.
    """

    takes_hard_negatives: ClassVar[bool] = True

    def __init__(
        self,
        encoder: "SentenceTransformer",
        projector: nn.Module | None = None,
        predictor: nn.Module | None = None,
        pooling: nn.Module | None = None,
    ) -> None:
        super().__init__(encoder, pooling)
        self.projector = projector
        self.predictor = predictor

    @property
    def name(self) -> str:
        """What errors call it."""
        return "Siamese" if self.predictor is None else "Siamese with a predictor"

    def forward(
        self, features: Sequence[Features], views: Sequence[View] = ()
    ) -> Pairs | tuple[Pairs, Pairs]:
        """Return the pairs of a batch of two or more views; with a predictor, both pairings.

        Raises:
            UsageError: When there are fewer views, or more and a predictor.
        """
        if self.predictor is None:
            return self.pairs_of(features, views)
        need_two_views(self, features)
        embeddings = [projected(self.projector, view) for view in self.embed(features, views)]
        texts = text_ids(features)
        anchor, positive = embeddings
        self.before_predictor = anchor.detach(), positive.detach()
        return (
            Pairs(self.predictor(anchor), positive.detach(), texts=texts),
            Pairs(self.predictor(positive), anchor.detach(), texts=swapped(texts)),
        )

    def pairs_of(self, features: Sequence[Features], views: Sequence[View]) -> Pairs:
        """Pair the first view up with the others, through the projector."""
        need_views_of_pairs(self, features)
        return paired(self.embed(features, views), features, self.projector, self.projector)

    def constant_learning_rate(self) -> list[nn.Parameter]:
        """Return the predictor's parameters: it is to keep up with the projector to the end."""
        return [] if self.predictor is None else list(self.predictor.parameters())

    def cause_of_collapse(self, *, contrasted: bool) -> str:
        """Name the predictor, where there is one."""
        return "" if self.predictor is None else cause_with_a_predictor(contrasted=contrasted)


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
        need_two_views(self, features)
        with in_mode(self.encoder, training=False):
            embeddings = self.embed(features[:1], views[:1])
        embeddings += self.embed(features, views)
        clean, first, second = (projected(self.projector, view) for view in embeddings)
        return OffDropoutPairs(first, second, texts=text_ids(features), clean=clean)
