"""The side on which batches are padded: always the right, so that no vector depends on padding."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LEFT_ONLY = ("text-generation", "any-to-any")
"""Tasks of a transformer module whose last column must be a real token: they give no vectors."""


def pad_right(tokenizer: Any) -> None:
    """Have a tokenizer of transformers pad on the right; the side it truncates on stays.

    Padding on the left moves every token: absolute positions are looked up from the left edge of a
    batch, so the vector of a text would depend on the longest text beside it. On the right, tokens
    stand where they stand without padding, in bidirectional and causal models alike, and the mask
    keeps padding out of attention and pooling. A model is saved with this side too, so that plain
    sentence-transformers computes the same vectors in batches.

    Args:
        tokenizer: Changed in place; what has no side is left alone.
    """
    if hasattr(tokenizer, "padding_side"):
        tokenizer.padding_side = "right"


@contextmanager
def padded_right(tokenizer: Any) -> Iterator[None]:
    """Have a tokenizer pad on the right for a while, see `pad_right`."""
    before = getattr(tokenizer, "padding_side", None)
    pad_right(tokenizer)
    try:
        yield
    finally:
        if before is not None:
            tokenizer.padding_side = before


def pads_right(encoder: Any) -> None:
    """Have an encoder's tokenizer pad on the right, see `pad_right`.

    Args:
        encoder: A sentence-transformers model.
    """
    if getattr(encoder[0], "transformer_task", None) not in LEFT_ONLY:
        pad_right(getattr(encoder, "tokenizer", None))
