"""Whether a pooling sees the whole text: tried on texts that differ, before anything is written."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from sentemb.encoders.embedding import in_mode
from sentemb.encoders.hooks import name_of
from sentemb.errors import InputError
from sentemb.types import Embeddings, Features

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")
TEXT = "a b c d e f g"
TOLERANCE = 1e-6
"""Of the largest number in the vectors: rounding, where both texts are the same to a pooling."""
OFFERED = ("mean", "lasttoken")


def require_telling_apart(encoder: "SentenceTransformer", pooling: nn.Module | None = None) -> None:
    """Raise where a pooling gives texts that begin alike and differ later one vector.

    So it is with the first token of a causal model, which sees no token after itself. An encoder
    that gives them one vector whatever the pooling has collapsed: that is a warning, as such a
    model may be measured.

    Args:
        encoder: A sentence-transformers model; one that does not read tokens is not tried.
        pooling: In place of all that follows the encoder's transformer.

    Raises:
        InputError: Names the poolings that tell the texts apart.
    """
    features = _texts_that_differ(encoder)
    if features is None or _differ(encoder, features, pooling):
        return
    from sentence_transformers.sentence_transformer.modules import Pooling

    dim = cast(Any, encoder[0]).get_embedding_dimension()
    used = pooling or encoder[1]
    working = [name for name in OFFERED if _differ(encoder, features, Pooling(dim, name))]
    if not working or _differ(encoder, features, used):
        logger.warning(
            "%s has collapsed: it gives different texts the same vector.", name_of(encoder)
        )
        return
    raise InputError(
        f"{name_of(encoder)} with pooling {getattr(used, 'pooling_mode', 'its own')} gives the "
        "same vector to texts that begin alike and differ later. Use pooling "
        f"{' or '.join(working)} instead."
    )


def _differ(encoder: "SentenceTransformer", features: Features, pooling: nn.Module | None) -> bool:
    embed: Callable[[Features], dict[str, Any]] = encoder
    if pooling is not None:
        embed = nn.Sequential(encoder[0], pooling)
    with torch.no_grad(), in_mode(cast(nn.Module, encoder), training=False):
        found: Embeddings = embed(dict(features))["sentence_embedding"]
    difference = (found[0] - found[1]).abs().max()
    return not bool(difference <= TOLERANCE * found.abs().max())  # NaN is another fault


def _texts_that_differ(encoder: "SentenceTransformer") -> Features | None:
    """Return the tokens of two texts of one first token; None where an encoder reads none.

    Their tokens are taken from the vocabulary, so that they are known in any language.
    """
    tokenizer: Any = getattr(encoder, "tokenizer", None)
    if not hasattr(getattr(encoder[0], "auto_model", None), "config") or len(encoder) == 1:
        return None
    if not hasattr(tokenizer, "all_special_ids"):
        return None
    found: Any = encoder.preprocess([TEXT, TEXT])
    special = set(tokenizer.all_special_ids)
    real = sorted(set(tokenizer.get_vocab().values()) - special)
    places = [
        place
        for place, token in enumerate(found["input_ids"][0].tolist())
        if token not in special - {tokenizer.unk_token_id}
    ]
    if len(real) < 2 or len(places) < 2:
        return None
    features = {name: tensor for name, tensor in found.items() if torch.is_tensor(tensor)}
    features["input_ids"][:, places] = real[len(real) // 4]
    features["input_ids"][1, places[1:]] = real[len(real) // 2]
    return {name: tensor.to(encoder.device) for name, tensor in features.items()}
