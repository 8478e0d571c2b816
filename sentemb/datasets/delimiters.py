"""What stands between the fields of a table."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sentemb.errors import UsageError

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""Those that can be given; all but bars are also found by themselves."""
WORDS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "bar": "|", "pipe": "|"}
_given: ContextVar[str | None] = ContextVar("delimiter", default=None)


@contextmanager
def separated_by(delimiter: str | None) -> Iterator[None]:
    """Read tables by a delimiter wherever their header has it.

    Args:
        delimiter: One of `DELIMITERS`, or its name; None leaves it to each file.

    Raises:
        UsageError: When it is another.

    Example:
        >>> with separated_by("semicolon"):
        ...     delimiter_of("text, mine;label", usual=",")
        ';'
    """
    character = WORDS.get(delimiter, delimiter) if delimiter is not None else None
    if character is not None and character not in DELIMITERS:
        raise UsageError(
            f"delimiter must be one of , ; | or tab, or comma, semicolon, bar; got {delimiter!r}."
        )
    token = _given.set(character)
    try:
        yield
    finally:
        _given.reset(token)


def delimiter_of(header: str, usual: str) -> str:
    r"""Return the delimiter of a table by its header.

    It is the one that was given, else the usual one, where the header has it outside of quotes;
    else the only one of commas, semicolons and tabs that parts the header into names.

    Example:
        >>> delimiter_of("text;label", usual=","), delimiter_of("text,label", usual="\t")
        (';', ',')
    """
    bare = re.sub(r'"[^"]*"', "x", header)
    for wanted in (_given.get(), usual):
        if wanted and wanted in bare:
            return wanted
    found = [
        delimiter
        for delimiter in DELIMITERS
        if delimiter != "|" and delimiter in bare and all(map(_is_name, bare.split(delimiter)))
    ]
    return found[0] if len(found) == 1 else usual


def _is_name(field: str) -> bool:
    """Tell whether a field may name a column: some text without control characters."""
    return bool(field.strip()) and field.strip().isprintable()
