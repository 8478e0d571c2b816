"""A line of JSON that is inert on a terminal."""

import json
from typing import Any

CONTROLS = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""JSON lets them stand as they are, and terminals obey some of them."""


def json_line(content: dict[str, Any]) -> str:
    r"""Write an object as one line of JSON, in its own script.

    Example:
        >>> print(json_line({"text": "é \x9b31m"}), end="")
        {"text": "é \u009b31m"}
    """
    line = json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n"
    return line if line.isascii() and "\x7f" not in line else line.translate(CONTROLS)
