"""A text of which a tokenizer makes no token: there is nothing to embed."""

from sentemb.errors import TextError
from sentemb.inference.tokens import Tokens


def require_tokens(tokens: Tokens) -> None:
    """Raise where a text has no token.

    Tokenizers that add no special tokens make none of a blank text. sentence-transformers fails
    on such a text alone; beside longer ones it gives what a pooling makes of padding.

    Raises:
        TextError: When one has none; carries the text.
    """
    if all(tokens.ids):
        return
    text = tokens.texts[next(row for row, ids in enumerate(tokens.ids) if not ids)]
    raise TextError(
        "the model's tokenizer makes no token of it and adds none of its own, so it has no "
        "embedding. Leave such rows out, or give --empty nan where the command has it.",
        text,
    )
