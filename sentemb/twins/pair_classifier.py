"""`PairClassifier`: what two sentences are to each other, and how each is seen."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.twins.heads import width
from sentemb.twins.twin import EncoderTwin, text_numbers
from sentemb.types import Embeddings, Features, Logits
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class PairClassifier(EncoderTwin):
    r"""Classify pairs of sentences from their embeddings u and v, and pair up their views.

    .. math:: \text{logits} = W [u; v; |u - v|; \max(u, v)^2] + b

    With two views (one sentence each) anchors are the u and positives the v. With four (both
    sentences, then both again) the logits are of the first two, and each sentence's first view is
    the anchor of its second: anchors are the u, then the v (see `sentemb.losses.EachSentence`).

    Args:
        encoder: What is deployed; the classifier lives in training only.
        classes: How many labels there are, at least 2.
        pooling: Used in training in place of the encoder's own, as ConSERT does.

    Raises:
        UsageError: When there are fewer than two classes.

    Source: Yan et al., 2021 (arXiv:2105.11741) and the authors' repository, after Reimers and
        Gurevych, 2019 (arXiv:1908.10084), who leave out :math:`\max(u, v)^2`.
    """

    has_logits = True

    def __init__(
        self, encoder: "SentenceTransformer", classes: int, pooling: nn.Module | None = None
    ) -> None:
        super().__init__(encoder, pooling)
        if classes < 2:
            raise UsageError(f"PairClassifier needs at least 2 classes, got {classes}.")
        self.classifier = nn.Linear(4 * width(encoder), classes).to(encoder.device)

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of a batch of two or four views, with class logits.

        Raises:
            UsageError: When there are fewer or more views.
        """
        if len(features) not in (2, 4):
            raise UsageError(
                "PairClassifier needs 2 views, one a sentence, or 4, two a sentence; got "
                f"{len(features)}."
            )
        u, v, *again = self.embed(features, views)
        logits, texts = self.classify(u, v), text_numbers(features)
        if not again:
            return Pairs(u, v, logits=logits, texts=texts)
        return Pairs(torch.cat([u, v]), torch.cat(again), logits=logits, texts=texts)

    def classify(self, u: Embeddings, v: Embeddings) -> Logits:
        """Return the class logits of pairs, shape ``[batch, classes]``."""
        joined = torch.cat([u, v, (u - v).abs(), torch.maximum(u, v).square()], dim=1)
        logits: Logits = self.classifier(joined)
        return logits
