"""Texts that an encoder cannot take, named with the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sentemb.encoders.hooks import name_of
from sentemb.encoders.tokenising import Tokens
from sentemb.errors import TextError
from sentemb.inference.token_encoder import TokenEncoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@contextmanager
def model_named(encoder: "TokenEncoder | SentenceTransformer") -> Iterator[None]:
    """Name the model where a text is refused inside."""
    try:
        yield
    except TextError as error:
        if isinstance(encoder, TokenEncoder):
            name = encoder.name
        else:
            name = getattr(encoder.tokenizer, "name_or_path", "") or name_of(encoder)
        raise TextError(f"{error.reason} (Model '{name}'.)", error.text) from error


def require_tokens(encoder: "TokenEncoder | SentenceTransformer", tokens: Tokens) -> None:
    """Raise where a transformer is given a text without a token.

    Tokenizers that add no special tokens make none of a blank text. sentence-transformers fails
    on such a text alone; beside longer ones it gives what a pooling makes of padding.

    Raises:
        TextError: When a text has none; carries the text.
    """
    if isinstance(encoder, TokenEncoder):
        needs_tokens = not encoder.embeds_no_tokens
    else:
        needs_tokens = hasattr(encoder[0], "auto_model")
    if all(map(len, tokens.ids)) or not needs_tokens:
        return
    text = tokens.texts[next(row for row, ids in enumerate(tokens.ids) if not len(ids))]
    raise TextError(
        "the model's tokenizer finds no token in it and adds none, so it has no "
        "embedding. Leave such rows out, or encode the file with `empty='nan'`.",
        text,
    )
