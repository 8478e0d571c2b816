"""Fields of a table's rows, quoted as csv has it, where no field is ever held beyond its limit.

The standard library's parser holds a field in four bytes a character until it ends, and of a quote
that is left open it names the last line of the file. Otherwise rows are read as it reads them.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sentemb.datasets.limits import LONGEST_LINE, LONGEST_TEXT
from sentemb.datasets.lines import Line
from sentemb.errors import InputError

KEPT = 2 * LONGEST_TEXT + 2
"""Characters of a field that are kept, where each may be a quote and stand twice."""

DOUBLED = re.compile('""(?:[^"]*+""){0,9999}+')


def quoted_rows(
    lines: Iterable[Line], delimiter: str, path: Path
) -> Iterator[tuple[Line, list[str]]]:
    """Yield the fields of each row, and what was found in its lines; rows are counted from 1.

    Raises:
        InputError: When a quote is not closed, or something follows on one that is; names the row
            where it opens.
    """
    lines = iter(lines)
    for number, line in enumerate(lines, start=1):
        first = line if line.number == number else line._replace(number=number)
        if '"' in first.text:
            yield _Quoted(first, lines, delimiter, path).row()
        else:
            yield first, plain_fields(first.text, delimiter)


def plain_fields(text: str, delimiter: str) -> list[str]:
    """Return the fields of a row without quotes; none of a blank one."""
    if len(text) <= KEPT:
        return text.split(delimiter) if text else []
    fields, start = [], 0
    while start >= 0:
        end = text.find(delimiter, start)
        fields.append(_kept(text, start, end if end >= 0 else len(text)))
        start = end + 1 if end >= 0 else -1
    return fields


def _kept(text: str, start: int, end: int) -> str:
    return text[start : min(end, start + KEPT)]


class _Quoted:
    """A row with quotes: a place in its current line.

    Args:
        line: Its first.
        lines: Those behind it, of which it takes as many as its quotes hold.
        delimiter: Between fields.
        path: In the words of an error.
    """

    def __init__(self, line: Line, lines: Iterator[Line], delimiter: str, path: Path) -> None:
        self._line, self._lines, self._delimiter = line, lines, delimiter
        self._where = f"{path}, row {line.number}"
        self._text, self._at = line.text, 0

    def row(self) -> tuple[Line, list[str]]:
        """Return what was found in all lines of the row, and its fields."""
        fields = [self._field()]
        while self._at < len(self._text):
            self._at += 1
            fields.append(self._field())
        return self._line, fields

    def _field(self) -> str:
        if self._text.startswith('"', self._at):
            return self._in_quotes()
        start, end = self._at, self._text.find(self._delimiter, self._at)
        self._at = end if end >= 0 else len(self._text)
        return _kept(self._text, start, self._at)

    def _in_quotes(self) -> str:
        parts: list[str] = []
        kept, size, start = 0, 0, self._at + 1
        while (end := _closing(self._text, start)) < 0:
            size += len(self._text) - start + 1
            if kept < KEPT:
                parts += [_kept(self._text, start, len(self._text)), "\n"]
                kept += len(parts[-2]) + 1
            self._next_line(size)
            start = 0
        parts.append(_kept(self._text, start, end))
        self._at = end + 1
        if self._at < len(self._text) and not self._text.startswith(self._delimiter, self._at):
            raise InputError(
                f"{self._where}: {self._text[self._at :][:20]!r} follows on a quoted field, where "
                f"{self._delimiter!r} should. Close the quote that opens in this row, and write "
                "quotes inside a quoted field twice."
            )
        return "".join(parts).replace('""', '"')

    def _next_line(self, size: int) -> None:
        if size > LONGEST_LINE:
            raise InputError(
                f"{self._where}: a quote opens here and does not close within {LONGEST_LINE:,} "
                "characters. Close it, or take it out."
            )
        line = next(self._lines, None)
        if line is None:
            raise InputError(
                f"{self._where}: a quote opens here and never closes (unexpected end of data). "
                "Close it, or take it out."
            )
        if line.invalid or line.crlf:
            self._line = self._line._replace(
                invalid=self._line.invalid or line.invalid, crlf=self._line.crlf or line.crlf
            )
        self._text = line.text


def _closing(text: str, start: int) -> int:
    """Return where a quoted field ends: at a quote that is not followed by another; -1: nowhere."""
    end = text.find('"', start)
    while end >= 0 and (doubled := DOUBLED.match(text, end)):
        end = text.find('"', doubled.end())
    return end
