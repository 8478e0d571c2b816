"""What the library says in parameters, in the words of the command line."""

import ast
import re
import shlex
from collections.abc import Mapping
from typing import NamedTuple

CONTEXTS = {
    "`sentemb.safety.trusting_code()`": "sentemb --trust-remote-code COMMAND",
    "`sentemb.datasets.delimiters.separated_by()`": "sentemb --delimiter NAME COMMAND",
}
"""What the library names as a context, and what is typed for it."""


class Flag(NamedTuple):
    """What is typed for a parameter.

    Args:
        spelled: With its dashes; of an argument, as the usage line has it.
        repeats: Whether several values are typed each with the flag, not with commas between.
    """

    spelled: str
    repeats: bool = False

    def with_value(self, written: str | None) -> str:
        """Return what is typed for a value in Python's words."""
        try:
            value = ast.literal_eval(written or "True")
        except (ValueError, SyntaxError):
            value = written
        if value is True:
            return self.spelled
        if not isinstance(value, list):
            return f"{self.spelled} {value}"
        words = value if self.repeats else [",".join(value)]
        return " ".join(f"{self.spelled} {shlex.quote(word)}" for word in words)


def with_flags(message: str, flags: Mapping[str, Flag], *, plain: bool = False) -> str:
    """Turn the parameters that the library speaks of into what is typed.

    Of a command with ``--output`` and ``--overwrite``, "give another `output`, or `overwrite=True`"
    becomes "give another --output, or --overwrite". A list is typed with commas, as
    ``--columns a,b``, or with the flag repeated.

    Args:
        message: Of an error, or a log line.
        flags: Of the running command, by the name of the parameter.
        plain: Whether names that are not marked count, too: where they begin the message, or have
            an underscore.
    """

    def marked(found: re.Match[str]) -> str:
        name, value = found.groups()
        return flags[name].with_value(value) if name in flags else found[0]

    for context, typed in CONTEXTS.items():
        message = message.replace(context, typed)
    message = re.sub(r"`(\w+)(?:=([^`]*))?`", marked, message)
    for name, flag in flags.items() if plain else ():
        alone = rf"(?<![\w'\"./-]){name}(?![\w'\"./=])"
        first = rf"^{name}(?= (\w+ )?(must|is|needs|takes)\b)"
        if flag.spelled.startswith("--"):
            message = re.sub(alone if "_" in name else first, flag.spelled, message, count=1)
    return message
