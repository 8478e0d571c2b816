"""A tokenizer that lost its file: transformers makes up an empty one and says nothing."""

import os
from typing import Any

from sentemb.errors import InputError


def require_vocabulary(tokenizer: Any, model: str | os.PathLike[str]) -> None:
    """Raise where a tokenizer of transformers knows its special tokens alone.

    Args:
        tokenizer: Of an encoder; those of other libraries are taken as they are.
        model: Whose it is.

    Raises:
        InputError: When every text would be the same to it.
    """
    special = getattr(tokenizer, "all_special_ids", None)
    if special is not None and len(tokenizer) <= len(set(special)):
        raise InputError(
            f"Cannot load model '{os.fspath(model)}': its tokenizer knows no word. Is its "
            "tokenizer.json (or vocab.txt) missing?"
        )
