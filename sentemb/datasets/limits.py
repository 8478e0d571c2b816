"""How long a text and a line may be: one limit for a text of every format."""

from typing import Any

LONGEST_TEXT = 2**20
"""Bytes of UTF-8 that are read of a text; what is more is cut off, and counted."""
LONGEST_LINE = 2**27
"""Bytes a line of a table or of JSON may have, with all its texts; more is an error."""


def cut(text: str) -> str:
    """Return as much of a text as is read, cut between two characters.

    Example:
        >>> len(cut("é" * 2**20)), cut("short")
        (524288, 'short')
    """
    if 4 * len(text) <= LONGEST_TEXT:
        return text
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= LONGEST_TEXT:
        return text
    return whole_characters(data[:LONGEST_TEXT]).decode("utf-8", "surrogatepass")


def whole_characters(line: bytes) -> bytes:
    """Drop the beginning of a character from the end of a text that was cut."""
    for back in (1, 2, 3):
        if line[-back] >= 0xC0:  # it begins a character, of two to four bytes
            whole = 2 + (line[-back] >= 0xE0) + (line[-back] >= 0xF0)
            return line if whole == back else line[:-back]
    return line


def cut_row(row: dict[str, Any]) -> bool:
    """Cut the texts of a row, and those of lists in it; tell whether there was something to cut."""
    found = False
    for column, value in row.items():
        if isinstance(value, str):
            short: Any = cut(value)
        elif isinstance(value, list):
            short = [cut(each) if isinstance(each, str) else each for each in value]
        else:
            continue
        if short is not value and short != value:
            row[column], found = short, True
    return found
