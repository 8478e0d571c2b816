"""Text that others chose, such as names of files, without what a terminal or a page would obey."""

import re
from typing import Any

OBEYED = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def inert(text: str, *, lines: bool = True) -> str:
    r"""Write out escapes, control characters, changes of direction and bytes that are not UTF-8.

    Args:
        text: Of a user, or with a user's words in it.
        lines: Whether line ends and tabs stay.

    Example:
        >>> inert("a\x1b[31mb")
        'a\\x1b[31mb'
    """
    kept = "\n\t" if lines else ""
    return OBEYED.sub(lambda found: found[0] if found[0] in kept else ascii(found[0])[1:-1], text)


def inert_values(content: dict[str, Any]) -> dict[str, Any]:
    r"""Do what `inert` does to all strings of nested dictionaries, their line ends included.

    Example:
        >>> inert_values({"model": "a\nb", "how": {"dim": 3}})
        {'model': 'a\\nb', 'how': {'dim': 3}}
    """
    return {key: _inert_value(value) for key, value in content.items()}


def _inert_value(value: Any) -> Any:
    if isinstance(value, dict):
        return inert_values(value)
    return inert(value, lines=False) if isinstance(value, str) else value


def cell(text: str) -> str:
    r"""Write a text so that it stays one cell of a Markdown table, and no markup.

    Example:
        >>> cell("a|b\n<c>")
        'a\\|b\\n&lt;c>'
    """
    return inert(text, lines=False).replace("|", r"\|").replace("<", "&lt;").replace("`", "'")
