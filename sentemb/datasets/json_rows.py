"""Rows of JSON: an object a line, or one list of objects."""

import codecs
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from sentemb.datasets.encodings import as_utf8
from sentemb.datasets.faults import Faults
from sentemb.datasets.limits import LONGEST_LINE, LONGEST_TEXT
from sentemb.datasets.lines import Line, Row, lines_of
from sentemb.errors import InputError

KEPT = 6 * LONGEST_TEXT + 12
"""Characters of a string that are kept, where each byte may be written as \\u0041."""
CHUNK = 2**16
SPACE = re.compile(r"[ \t\n\r]*+")
UNITS = re.compile(r'(?:[^"\\]++|\\u[0-9a-fA-F]{4}|\\[^u]){1,9999}+', re.S)
UTF8_BOM = b"\xef\xbb\xbf"


def read_json(file: IO[bytes], path: Path, faults: Faults) -> Iterator[Row]:
    """Read a list of objects, one a row, or an object a line; blank lines are skipped."""
    text = as_utf8(file, path, faults)
    listed = text.peek(CHUNK).removeprefix(UTF8_BOM).lstrip()[:1] == b"["
    for line in _elements(text, path, faults) if listed else lines_of(text, path, faults):
        if not line.text.strip():
            faults.blank_lines.add(line.number)
        elif line.stays(path, faults):
            yield line.number, _object(line, path)


def _object(line: Line, path: Path) -> dict[str, Any]:
    try:
        row = DECODER.decode(_shortened(line.text))
    except (ValueError, RecursionError) as error:  # also numbers of 4,300 digits
        raise _not_json(error, path, line.number) from error
    if not isinstance(row, dict):
        raise InputError(
            f"{path}, row {line.number}: a JSON object is needed, got {line.text[:40]!r}."
        )
    return row


def _not_json(error: Exception, path: Path, number: int) -> InputError:
    reason = error.msg if isinstance(error, json.JSONDecodeError) else error
    return InputError(
        f"{path}, row {number}: not JSON ({reason}). The file should hold an object a line, or one "
        "list of objects."
    )


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members; of two with one name, `json` would take the last."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object names '{twice}' twice")
    return members


DECODER = json.JSONDecoder(object_pairs_hook=_distinct)


def _shortened(text: str) -> str:
    """Shorten strings that are longer than what is read of a text, before they are decoded."""
    if len(text) <= KEPT:
        return text
    parts, done, quote = [], 0, text.find('"')
    while quote >= 0:
        kept = _end_of_units(text, quote + 1, min(quote + 1 + KEPT, len(text)))
        end = _end_of_units(text, kept, len(text))
        if not text.startswith('"', end):  # not JSON
            return text
        if end > kept:
            parts.append(text[done:kept])
            done = end
        quote = text.find('"', end + 1)
    return "".join([*parts, text[done:]])


def _end_of_units(text: str, start: int, end: int) -> int:
    """Return where characters and whole escapes of a string end."""
    while found := UNITS.match(text, start, end):
        start = found.end()
    return start


def _elements(file: io.BufferedReader, path: Path, faults: Faults) -> Iterator[Line]:
    """Yield each element of a list as the line that it might be."""
    if file.peek(3).startswith(UTF8_BOM):
        file.read(3)
        faults.bom = True
    text = _Elements(file, path)
    text.take("[", 1)
    number = 0
    while text.next() != "]" or number:
        number += 1
        element, invalid = text.element(number)
        yield Line(number, element, invalid, crlf=False)
        if text.next() == "]":
            break
        text.take(",", number + 1)
    text.take("]", number)
    if rest := text.next():
        raise InputError(f"{path}: {rest!r} follows on the end of the list: take it out.")


class _Elements:
    """A list that is read a piece at a time."""

    def __init__(self, file: io.BufferedReader, path: Path) -> None:
        self._file, self._path = file, path
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text, self._at = "", 0

    def next(self) -> str:
        """Return the next character that is not a space; "" at the end."""
        while True:
            self._at = SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, wanted: str, number: int) -> None:
        """Pass a character over.

        Raises:
            InputError: When another comes; names the row.
        """
        if (found := self.next()) != wanted:
            got = repr(found) if found else "the end of the file"
            raise InputError(
                f"{self._path}, row {number}: not JSON ({wanted!r} is needed, got {got})."
            )
        self._at += 1

    def element(self, number: int) -> tuple[str, str]:
        """Return the next element as it is written, and what is wrong with its bytes."""
        self.next()
        while True:
            try:
                end = DECODER.raw_decode(self._text, self._at)[1]
            except (ValueError, RecursionError) as error:
                if not (self._is_cut_off(error) and self._more()):
                    raise _not_json(error, self._path, number) from error
            else:
                if end < len(self._text) or not self._more():
                    break
            if len(self._text) > LONGEST_LINE:
                raise InputError(f"{self._path}, row {number}: longer than {LONGEST_LINE:,} bytes.")
        written, self._at = self._text[self._at : end], end
        try:
            written.encode()
        except UnicodeEncodeError:
            data = written.encode("utf-8", "surrogateescape")
            return data.decode("utf-8", "replace"), "invalid bytes"
        return written, ""

    def _is_cut_off(self, error: Exception) -> bool:
        """Tell whether an error may be the end of what has been read so far."""
        if not isinstance(error, json.JSONDecodeError):
            return False
        return error.msg.startswith("Unterminated") or error.pos > len(self._text) - 16

    def _more(self) -> bool:
        chunk = self._file.read(max(CHUNK, len(self._text) - self._at))
        self._text = self._text[self._at :] + self._decoder.decode(chunk, final=not chunk)
        self._at = 0
        return bool(chunk)
