"""Docstrings as mkdocstrings reads them: an example is code, a paragraph's name is bold."""

import re
from typing import Any

from griffe import Extension, Object

NAMED = re.compile(r"^(Needs|Use it|Source|Deviations?): (.*(?:\n    .*)*)", re.MULTILINE)


class Sections(Extension):
    """Rewrite what google's style does not have."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of an object."""
        if obj.docstring:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = NAMED.sub(self.in_one_line, text)

    @staticmethod
    def in_one_line(found: re.Match[str]) -> str:
        """Return a paragraph with its name in bold."""
        return f"**{found[1]}:** {' '.join(found[2].split())}"
