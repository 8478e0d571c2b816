"""Tables of lines: csv and tsv. Their first line names the columns, each differently."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from sentemb.datasets.faults import Faults
from sentemb.datasets.lines import Line, Row, lines_of
from sentemb.errors import InputError


def read_csv(file: IO[bytes], path: Path, faults: Faults) -> Iterator[Row]:
    """Read comma-separated fields, which may be quoted; a row is that of the last of its lines."""
    return _rows(_parsed(lines_of(file, path, faults), path), path, faults)


def read_tsv(file: IO[bytes], path: Path, faults: Faults) -> Iterator[Row]:
    """Read tab-separated fields without csv quoting: STS-B's files hold lone quotes."""
    lines = lines_of(file, path, faults)
    split = ((line, line.text.split("\t") if line.text else []) for line in lines)
    return _rows(split, path, faults)


def require_distinct(names: Sequence[str], path: Path) -> None:
    """Raise where two columns have one name: which is meant cannot be known.

    Raises:
        InputError: Names it.
    """
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise InputError(f"{path} has two columns called '{twice}': give them names of their own.")


class _Joined:
    """Lines for a parser that takes several for a row, and what was found in those of a row."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = lines
        self._row = _NOTHING

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            row = self._row
            if row is not _NOTHING:
                line = line._replace(
                    invalid=row.invalid or line.invalid, crlf=row.crlf or line.crlf
                )
            self._row = line
            yield line.text + "\n"

    def row(self) -> Line:
        """Return what was found since this was last asked."""
        row, self._row = self._row, _NOTHING
        return row


_NOTHING = Line(0, "", invalid=False, crlf=False)


def _parsed(lines: Iterable[Line], path: Path) -> Iterator[tuple[Line, list[str]]]:
    """Parse lines that are whole: one left out would take an opening or closing quote with it."""
    csv.field_size_limit(2**31 - 1)
    joined = _Joined(lines)
    reader = csv.reader(joined, strict=True)
    try:
        for fields in reader:
            yield joined.row(), fields
    except csv.Error as error:
        raise InputError(f"{path}, row {reader.line_num}: {error}.") from error


def _rows(rows: Iterator[tuple[Line, list[str]]], path: Path, faults: Faults) -> Iterator[Row]:
    first = next(rows, None)
    if first is None:
        return
    header = _header(*first, path, faults)
    for line, fields in rows:
        if not fields and len(header) > 1:
            faults.blank_lines.add(line.number)
        elif line.stays(faults):
            yield line.number, _named(header, fields or [""], path, line.number)


def _header(line: Line, names: list[str], path: Path, faults: Faults) -> list[str]:
    if not names:
        raise InputError(f"{path}, row {line.number} is blank: it should name the columns.")
    if line.invalid:
        if faults.errors == "skip":
            raise InputError(
                f"{path}, row {line.number}: the names of the columns are not UTF-8, and they "
                "cannot be left out: correct them, or have them replaced."
            )
        faults.invalid.add(line.number)
    require_distinct(names, path)
    return names


def _named(header: list[str], fields: list[str], path: Path, number: int) -> dict[str, Any]:
    if len(fields) != len(header):
        raise InputError(
            f"{path}, row {number}: {len(fields)} fields where the header has {len(header)}."
        )
    return dict(zip(header, fields, strict=True))
