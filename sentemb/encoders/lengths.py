"""How long texts are, in the encoder's own tokens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sentemb.encoders.panics import failing_text_named

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

WINDOW = 10_000
NO_LIMIT = 10**9
"""Tokenisers without a maximum say so by a number far above this."""


def count_truncated(
    encoder: "SentenceTransformer", texts: Sequence[str], max_length: int | None = None
) -> int:
    """Count the texts longer than ``max_length`` tokens, by default the encoder's own maximum.

    An encoder without a tokeniser or a maximum truncates nothing.
    """
    limit = max_length or encoder.max_seq_length
    tokenizer = encoder.tokenizer
    if limit is None or limit > NO_LIMIT or not callable(tokenizer):
        return 0
    truncated = 0
    for start in range(0, len(texts), WINDOW):
        window = list(texts[start : start + WINDOW])
        with failing_text_named(tokenizer, window):
            tokens = tokenizer(
                window, truncation=True, max_length=limit + 1, return_attention_mask=False
            )
        truncated += sum(len(ids) > limit for ids in tokens["input_ids"])
    return truncated
