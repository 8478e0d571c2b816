"""Whether an encoder can be given tokens; where not, the log says why."""

import logging
from typing import TYPE_CHECKING, Any

from torch import nn

from sentemb.encoders.hooks import name_of
from sentemb.encoders.packed import can_be_packed
from sentemb.encoders.truncating import truncating

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")
PROBES = (
    "a",
    "two words",
    "some words, and then some more of them.",
    " ".join(map(str, range(60))),
)
LONG = " ".join(map(str, range(600)))
"""Longer than what most encoders are cut to; no part of it is like another."""


def takes_tokens(encoder: "SentenceTransformer") -> bool:
    """Tell whether tokens are all that an encoder needs to know of a text, those of a prompt too.

    Where it is a transformer and needs more, the reason is logged.

    Args:
        encoder: A sentence-transformers model.
    """
    model: Any = getattr(encoder[0], "auto_model", None)
    if not isinstance(model, nn.Module):
        return False
    own: Any = encoder.tokenizer
    needs = {
        "its family is not packed": not can_be_packed(model),  # type: ignore[arg-type]
        "its tokenizer is not a fast one": not getattr(own, "is_fast", False),
        "it cuts its vectors": encoder.truncate_dim is not None,
        "no module follows its transformer": len(encoder) == 1,
    }
    reason = next((reason for reason, holds in needs.items() if holds), None)
    if reason is None and not same_tokens(encoder):
        reason = "its tokens are not its tokenizer's"
    if reason is not None:
        logger.info("%s runs with padding: %s.", name_of(encoder), reason)
    return reason is None


def same_tokens(encoder: "SentenceTransformer") -> bool:
    """Compare what the encoder makes of some texts with what its tokenizer does."""
    texts = [*PROBES, LONG]
    features: Any = encoder.preprocess(texts)
    if not {"input_ids", "attention_mask"} <= set(features):
        return False
    rows = zip(features["input_ids"], features["attention_mask"], strict=True)
    ours = truncating(encoder.tokenizer, encoder.max_seq_length)
    if ours is None:
        return False
    found = [each.ids for each in ours.encode_batch_fast(texts)]
    return [ids[mask.bool()].tolist() for ids, mask in rows] == found
