"""Texts of users, written out where a terminal or a page would obey them."""

import re
from contextlib import suppress

OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def inert(text: str, *, lines: bool = True) -> str:
    r"""Write out what a terminal would obey: escapes, controls, changes of direction.

    Args:
        text: Of a user, or with a user's words in it.
        lines: Whether line ends and tabs stay.

    Example:
        >>> inert("a\x1b[31mb")
        'a\\x1b[31mb'
    """
    kept = "\n\t" if lines else ""
    with suppress(UnicodeError):  # names of files, in a locale that is not UTF-8
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    return OBEYED.sub(lambda found: found[0] if found[0] in kept else ascii(found[0])[1:-1], text)


def cell(text: str) -> str:
    r"""Write a text so that it stays one cell of a Markdown table, and no markup.

    Example:
        >>> cell("a|b\n<c>")
        'a\\|b\\n&lt;c>'
    """
    return inert(text, lines=False).replace("|", r"\|").replace("<", "&lt;").replace("`", "'")
