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


def require_rows(tokenizer: Any, table: Any, model: str | os.PathLike[str]) -> None:
    """Raise where a text may get ids past the end of a table of embeddings.

    Special tokens that the tokenizer adds to no text by itself, as those of pictures in Gemma, may
    lack a row: a text that spells one out fails later, by name.

    Args:
        tokenizer: Of transformers, tokenizers or sentence-transformers.
        table: With ``num_embeddings``; anything else is not compared.
        model: Whose they are.

    Raises:
        InputError: When some token has no row; names it.
    """
    rows = getattr(table, "num_embeddings", None)
    if rows is None or not hasattr(tokenizer, "get_vocab"):
        return
    vocabulary = tokenizer.get_vocab()
    if not isinstance(vocabulary, dict):
        vocabulary = {token: place for place, token in enumerate(vocabulary)}
    spared = _unused_special_ids(tokenizer)
    beyond = sorted(
        (place, token)
        for token, place in vocabulary.items()
        if place >= rows and place not in spared
    )
    if beyond:
        raise InputError(
            f"Cannot load model '{os.fspath(model)}': its tokenizer has {len(beyond):,} tokens "
            f"without an embedding, first '{beyond[0][1]}' with the id {beyond[0][0]:,}, where the "
            f"table has {rows:,} rows. Resize it (model.resize_token_embeddings) and save the "
            "model, or remove the added tokens from the tokenizer."
        )


def _unused_special_ids(tokenizer: Any) -> set[int]:
    """Return the added special tokens that a tokenizer of transformers puts into no text."""
    names = ("cls", "sep", "bos", "eos", "unk")
    used = {getattr(tokenizer, f"{name}_token_id", None) for name in names}
    added: dict[int, Any] = getattr(tokenizer, "added_tokens_decoder", {})
    return {place for place, token in added.items() if token.special} - used
