"""Leave the padding out where an encoder allows it and its vectors stay the same."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from sentemb.encoders.embedding import in_mode
from sentemb.encoders.hooks import name_of
from sentemb.encoders.packed import can_be_packed, packed
from sentemb.types import Embeddings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")
TOLERANCE = 1e-4
"""Of the largest number in the vectors: far above rounding, far below any mistake."""


@contextmanager
def without_padding(
    encoder: "SentenceTransformer", texts: list[str], pooling: nn.Module | None = None
) -> Iterator[bool]:
    """Run an encoder without padding for a while, or as it is where that cannot be.

    Args:
        encoder: A sentence-transformers model.
        texts: Some that both forwards are compared on first.
        pooling: What else is read off the tokens, beside the encoder's own pooling.

    Yields:
        Whether padding is left out; where not, the reason is logged.
    """
    model: Any = getattr(encoder[0], "auto_model", None)
    first_only = len(encoder) > 1 and reads_first_token_only(encoder[1], pooling)

    def embed() -> Embeddings:
        features = encoder.preprocess(texts)
        moved = {k: v.to(encoder.device) for k, v in features.items() if torch.is_tensor(v)}
        return cast(Embeddings, encoder(moved)["sentence_embedding"])

    if model is None or not can_be_packed(model):
        logger.info("%s runs with padding: its family is not packed.", name_of(encoder))
        yield False
    elif not same_without_padding(model, embed, first_only=first_only):
        logger.warning("%s runs with padding: without, its vectors differ.", name_of(encoder))
        yield False
    else:
        with packed(model, first_only=first_only):
            yield True


def same_without_padding(
    model: nn.Module, embed: Callable[[], Embeddings], *, first_only: bool
) -> bool:
    """Tell whether the vectors of a few texts are the same without padding, up to rounding."""
    with torch.no_grad(), in_mode(model, training=False):
        stock = embed()
        with packed(cast(Any, model), first_only=first_only):
            ours = embed()
    return bool((ours - stock).abs().max() <= TOLERANCE * stock.abs().max())


def reads_first_token_only(*poolings: nn.Module | None) -> bool:
    """Tell whether nothing but [CLS] is read off the last layer by any of these."""
    return all(
        getattr(pooling, "pooling_mode", None) == "cls" and getattr(pooling, "include_prompt", True)
        for pooling in poolings
        if pooling is not None
    )
