"""A copy of an encoder's tokenizer that truncates as the encoder does."""

from typing import Any

from tokenizers import Tokenizer

NO_LIMIT = 10**9
"""Tokenisers without a maximum say so by a number far above this."""


def truncating(tokenizer: Any, limit: int | None) -> Tokenizer | None:
    """Return a copy of a tokeniser that truncates at a limit, on its own side, and pads not.

    Args:
        tokenizer: Of the tokenizers library, or of transformers around one.
        limit: Tokens of a text; None for no limit.

    Returns:
        None where it is neither.
    """
    own = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not isinstance(own, Tokenizer):
        return None
    its_own = (own.truncation or {}).get("direction", "right")
    copy: Tokenizer = Tokenizer.from_str(own.to_str())
    copy.no_padding()
    copy.no_truncation()
    if limit is not None and limit <= NO_LIMIT:
        copy.enable_truncation(limit, direction=getattr(tokenizer, "truncation_side", its_own))
    return copy
