"""`NextSentence`: which sentence follows, as a choice of two."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.texts import numbered_texts
from sentemb.twins.pair_classifier import PairClassifier
from sentemb.twins.twin import need_two_views, text_numbers
from sentemb.types import Features
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class NextSentence(PairClassifier):
    r"""Classify pairs as following each other, or not: each row's own, and with the next row's.

    Class 1 are the N pairs of the batch, class 0 as many whose second sentence is that of the next
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
        need_two_views("NextSentence", features)
        first, second = self.embed(features, views)
        if len(first) < 2:
            raise UsageError("NextSentence needs a batch of 2 pairs or more, got 1.")
        texts = text_numbers(features)
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
