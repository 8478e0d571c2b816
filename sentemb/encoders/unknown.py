"""Which of a text's tokens an encoder does not know."""

import json
from typing import Any

from tokenizers import Tokenizer


def unknown_id(tokenizer: Any) -> int | None:
    """Return the token that a tokenizer puts for what it does not know; None where there is none.

    A tokenizer of bytes knows everything, whatever its config calls the unknown token.

    Args:
        tokenizer: Of the tokenizers library, or of transformers.
    """
    own = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not isinstance(own, Tokenizer):
        found = getattr(tokenizer, "unk_token_id", None)
        return None if found is None else int(found)
    if hasattr(own.model, "unk_token"):
        return None if own.model.unk_token is None else own.token_to_id(own.model.unk_token)
    unknown: int | None = json.loads(own.to_str())["model"].get("unk_id")
    return unknown
