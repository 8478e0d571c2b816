"""Which text it is that makes a tokenizer panic."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sentemb.errors import TextError, TokenizerError, panics_refused


@contextmanager
def failing_text_named(encode: Callable[[str], object], texts: Sequence[str]) -> Iterator[None]:
    """Tokenise texts inside; where the tokenizer panics, they are tried one by one.

    Args:
        encode: Tokenises one text.
        texts: What is tokenised inside.

    Raises:
        TextError: When it panics on one; carries the text.
        TokenizerError: When it panics on all of them only.
    """
    try:
        with panics_refused():
            yield
    except TokenizerError as panic:
        for text in texts:
            try:
                with panics_refused():
                    encode(text)
            except TokenizerError:
                raise TextError(str(panic), text) from panic
        raise
