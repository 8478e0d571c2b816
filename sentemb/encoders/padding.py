"""The side on which batches are padded: always the right, so that no vector depends on padding."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

TokenIds = Sequence[int] | NDArray[np.int32]

LEFT_ONLY = ("text-generation", "any-to-any")
"""Tasks of a transformer module whose last column must be a real token: they give no vectors."""


def padded(
    rows: Sequence[TokenIds], pad_id: int, tokens: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return token ids and their mask, each ``[rows, tokens]``, padded on the right.

    Args:
        rows: The token ids of each.
        pad_id: What rows are filled with.
        tokens: How many a row has at least.

    Example:
        >>> padded([[5], [6, 7]], pad_id=0)[0].tolist()
        [[5, 0], [6, 7]]
    """
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    mask = np.arange(max(tokens, int(lengths.max()))) < lengths[:, None]
    ids = np.full(mask.shape, pad_id, np.int64)
    ids[mask] = np.concatenate(rows)
    return ids, mask.astype(np.int64)


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
