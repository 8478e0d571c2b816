"""Embed all views of a batch in one forward."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sentemb.encoders.hooks import perturbed, reordered
from sentemb.encoders.packing import lengths_known
from sentemb.encoders.prompts import prompts_left_out, text_tokens
from sentemb.encoders.template_bias import without_template
from sentemb.types import Embeddings, Features, Mask, TokenEmbeddings
from sentemb.views import Draws, View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

KEYS = "row_keys"
"""The feature that holds the key of each row's random numbers; the encoder does not see it."""
TEXTS = "text_ids"
"""The feature that holds the ids of the texts, equal ones alike; the encoder does not see it."""
PROMPTS = "prompt_tokens"
"""The feature that counts the tokens of each row's prompt; the encoder does not see it."""
PRESENT = "present"
"""The feature that says which rows have a text of this view; the encoder does not see it."""
LENGTHS = "token_counts"
"""The feature that holds each row's number of tokens, as an array of the host, where no step is to
wait for the device to say it; the encoder does not see it."""
NOT_FOR_THE_ENCODER = (KEYS, TEXTS, PROMPTS, PRESENT, LENGTHS)


def embed(
    encoder: "SentenceTransformer",
    features: Sequence[Features],
    views: Sequence[View] = (),
    pooling: nn.Module | None = None,
    micro_batch: int = 0,
) -> list[Embeddings]:
    """Embed several views in one forward, so that each row draws its own dropout mask.

    In micro-batches, each is forgotten but for its embeddings and computed again, with the
    same random numbers, when the gradient comes back: activations need memory for one of them,
    whatever is made of the embeddings in between (GradCache; here a checkpoint of torch).

    Args:
        encoder: A sentence-transformers model.
        features: The tokens of each view, padded to one length for all views; with the keys of
            the rows where a view shuffles or perturbs.
        views: How each is seen; empty for as it is.
        pooling: In place of all that follows the encoder's transformer.
        micro_batch: Rows a forward, all views of each; 0 takes the whole batch.

    Returns:
        One tensor ``[batch, dim]`` for each view.

    Raises:
        UsageError: When a view perturbs an encoder that has no embedding block.

    Source: for micro-batches, Gao et al., 2021 (arXiv:2101.06983).
    """
    batch = len(features[0]["input_ids"])
    if not 0 < micro_batch < batch:
        return _embed(encoder, features, views, pooling)
    training = cast(nn.Module, encoder).training
    parts = []
    for start in range(0, batch, micro_batch):
        rows = slice(start, start + micro_batch)
        part = [{name: tensor[rows] for name, tensor in view.items()} for view in features]
        given = (encoder, part, views, pooling, training)
        parts.append(checkpoint(_embed_in_mode, *given, use_reentrant=False))
    return [torch.cat(view) for view in zip(*parts, strict=True)]


@contextmanager
def in_mode(module: nn.Module, *, training: bool) -> Iterator[None]:
    """Put a module into training or evaluation mode for a while."""
    before = module.training
    if before != training:
        module.train(training)
    try:
        yield
    finally:
        if before != training:
            module.train(before)


def _embed_in_mode(
    encoder: "SentenceTransformer",
    features: Sequence[Features],
    views: Sequence[View],
    pooling: nn.Module | None,
    training: bool,
) -> list[Embeddings]:
    """Embed in the mode of the first time: when it is computed again, the mode may be another."""
    with in_mode(encoder, training=training):
        return _embed(encoder, features, views, pooling)


def _embed(
    encoder: "SentenceTransformer",
    features: Sequence[Features],
    views: Sequence[View],
    pooling: nn.Module | None,
) -> list[Embeddings]:
    rows = [len(view["input_ids"]) for view in features]
    stacked = {
        name: torch.cat([view[name] for view in features])
        for name in features[0]
        if name not in NOT_FOR_THE_ENCODER
    }
    with ExitStack() as hooks:
        if LENGTHS in features[0]:
            known: list[Any] = [view[LENGTHS] for view in features]
            hooks.enter_context(lengths_known(np.concatenate(known)))
        if PROMPTS in features[0]:
            lengths = torch.cat([view[PROMPTS] for view in features])
            hooks.enter_context(prompts_left_out([*encoder, pooling or nn.Identity()], lengths))
        if any(view.order for view in views):
            hooks.enter_context(reordered(encoder, _order(features, views)))
        if any(view.perturb for view in views):
            hooks.enter_context(perturbed(encoder, partial(_perturb, features, views)))
        embeddings = _vectors(encoder, pooling, stacked)
    found = list(torch.split(embeddings, rows))
    for place, (feature, view) in enumerate(zip(features, views, strict=False)):
        if view.template is not None:
            of_tokens = partial(_vectors, encoder, pooling)
            found[place] = without_template(of_tokens, found[place], feature, view.template)
    return found


def _vectors(
    encoder: "SentenceTransformer", pooling: nn.Module | None, stacked: Features
) -> Embeddings:
    if pooling is None:
        embeddings: Embeddings = encoder(stacked)["sentence_embedding"]
    else:
        embeddings = pooling(encoder[0](stacked))["sentence_embedding"]
    return embeddings


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
    """Return which tokens are a text's; its prompt is none of them."""
    mask = feature["attention_mask"].bool()
    return text_tokens(mask, feature[PROMPTS]) if PROMPTS in feature else mask
