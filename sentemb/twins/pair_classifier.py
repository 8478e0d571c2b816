"""Twins that classify pairs of sentences: by their labels, or by which follows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.text_ids import numbered_texts
from sentemb.twins.heads import width
from sentemb.twins.twin import EncoderTwin, need_two_views, text_ids
from sentemb.types import Embeddings, Features, Logits
from sentemb.values import require_at_least
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

    find_unused_parameters: ClassVar[bool] = True

    def __init__(
        self, encoder: "SentenceTransformer", classes: int, pooling: nn.Module | None = None
    ) -> None:
        super().__init__(encoder, pooling)
        require_at_least(2, classes=classes)
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
        logits, texts = self.classify(u, v), text_ids(features)
        if not again:
            return Pairs(u, v, logits=logits, texts=texts)
        return Pairs(torch.cat([u, v]), torch.cat(again), logits=logits, texts=texts)

    def classify(self, u: Embeddings, v: Embeddings) -> Logits:
        """Return the class logits of pairs, shape ``[batch, classes]``."""
        joined = torch.cat([u, v, (u - v).abs(), torch.maximum(u, v).square()], dim=1)
        logits: Logits = self.classifier(joined)
        return logits


class NextSentence(PairClassifier):
    r"""Classify pairs as following each other, or not: each row's own, and with the next row's.

    Class 1 are the N pairs of the batch, class 0 as many with the second sentence of the next
    row; where that is the same text, the pair is left out.

    Args:
        encoder: What is deployed; the classifier lives in training only.
        pooling: Used in training in place of the encoder's own.

    Source: Devlin et al., 2019, BERT (arXiv:1810.04805), section 3.1, task 2. Deviations: two
        embeddings and `PairClassifier`'s features, so that what is learned is an encoder of
        sentences; false pairs are drawn from the batch.
    """

    def __init__(self, encoder: "SentenceTransformer", pooling: nn.Module | None = None) -> None:
        super().__init__(encoder, classes=2, pooling=pooling)

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of a batch of two views, their class logits and classes.

        Raises:
            UsageError: When there are fewer or more views, or the batch has one pair.
        """
        need_two_views(self, features)
        first, second = self.embed(features, views)
        if len(first) < 2:
            raise UsageError("NextSentence needs a batch of 2 pairs or more, got 1.")
        texts = text_ids(features)
        differs = torch.ones(len(first), dtype=torch.bool, device=first.device)
        if texts is not None:
            before, after = texts.chunk(2)
            row = torch.arange(len(first), device=first.device)
            follows = numbered_texts(before, after.roll(-1), (before, after)).match(row)
            differs = ~follows.diagonal()
        logits = torch.cat(
            [self.classify(first, second), self.classify(first, second.roll(-1, 0))[differs]]
        )
        labels = torch.cat([torch.ones_like(differs), torch.zeros_like(differs)[differs]]).long()
        return Pairs(first, second, labels=labels, logits=logits, texts=texts)
