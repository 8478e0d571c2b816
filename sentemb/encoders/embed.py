"""Embed all views of a batch in one forward."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sentemb.encoders.hooks import perturbed, reordered
from sentemb.types import Embeddings, Features, Mask, TokenEmbeddings
from sentemb.views import Draws, View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

KEYS = "row_keys"
"""The feature that holds the key of each row's random numbers; the encoder does not see it."""
TEXTS = "text_numbers"
"""The feature that numbers the texts, equal ones alike; the encoder does not see it."""


def embed(
    encoder: "SentenceTransformer",
    features: Sequence[Features],
    views: Sequence[View] = (),
    pooling: nn.Module | None = None,
) -> list[Embeddings]:
    """Embed several views in one forward, so that each row draws a dropout mask of its own.

    Args:
        encoder: A sentence-transformers model.
        features: The tokens of each view, padded to one length for all views; with the keys of
            the rows where a view shuffles or perturbs.
        views: How each is seen; empty for as it is.
        pooling: In place of all that follows the encoder's transformer.

    Returns:
        One tensor ``[batch, dim]`` for each view.

    Raises:
        UsageError: When a view perturbs an encoder that has no embedding block.
    """
    rows = [len(view["input_ids"]) for view in features]
    stacked = {
        name: torch.cat([view[name] for view in features])
        for name in features[0]
        if name not in (KEYS, TEXTS)
    }
    with ExitStack() as hooks:
        if any(view.order for view in views):
            hooks.enter_context(reordered(encoder, _order(features, views)))
        if any(view.perturb for view in views):
            hooks.enter_context(perturbed(encoder, partial(_perturb, features, views)))
        if pooling is None:
            embeddings = encoder(stacked)["sentence_embedding"]
        else:
            embeddings = pooling(encoder[0](stacked))["sentence_embedding"]
    return list(torch.split(embeddings, rows))


def text_numbers(features: Sequence[Features]) -> Tensor | None:
    """Return the numbers of all views' texts, one view after the other; None where unknown."""
    if TEXTS not in features[0]:
        return None
    return torch.cat([view[TEXTS] for view in features])


def _order(features: Sequence[Features], views: Sequence[View]) -> Tensor:
    orders = []
    for feature, view in zip(features, views, strict=True):
        mask = _mask(feature)
        as_it_is = torch.arange(mask.shape[1], device=mask.device).expand(mask.shape)
        draws = Draws(feature[KEYS]).independent()  # of what the perturbation draws
        orders.append(view.order(mask, draws) if view.order else as_it_is)
    return torch.cat(orders)


def _perturb(
    features: Sequence[Features], views: Sequence[View], stacked: TokenEmbeddings
) -> TokenEmbeddings:
    """Change each view's part of the stacked token embeddings."""
    parts = torch.split(stacked, [len(feature["input_ids"]) for feature in features])
    return torch.cat(
        [
            view.perturb(part, _mask(feature), Draws(feature[KEYS])) if view.perturb else part
            for part, feature, view in zip(parts, features, views, strict=True)
        ]
    )


def _mask(feature: Features) -> Mask:
    return feature["attention_mask"].bool()
