"""Tables of lines: csv and tsv. Their first line names the columns, each differently."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Any

from sentemb.datasets.delimiters import DELIMITERS, delimiter_of
from sentemb.datasets.faults import Faults
from sentemb.datasets.fields import plain_fields, quoted_rows
from sentemb.datasets.lines import Line, Row, lines_of
from sentemb.errors import InputError


def read_csv(file: IO[bytes], path: Path, faults: Faults) -> Iterator[Row]:
    """Read comma-separated fields, which may be quoted."""
    return _read(file, path, faults, usual=",", quoted=True)


def read_tsv(file: IO[bytes], path: Path, faults: Faults) -> Iterator[Row]:
    """Read tab-separated fields without csv quoting: STS-B's files hold lone quotes."""
    return _read(file, path, faults, usual="\t", quoted=False)


def _read(
    file: IO[bytes], path: Path, faults: Faults, *, usual: str, quoted: bool
) -> Iterator[Row]:
    """Read a table by the delimiter of its header, which is noted where it is not the usual one."""
    lines = lines_of(file, path, faults)
    first = next(lines, None)
    if first is None:
        return
    delimiter = delimiter_of(first.text, usual)
    lines = chain([first], lines)
    if delimiter != usual:
        faults.separator = f"separated by {DELIMITERS[delimiter]}"
    if quoted or delimiter != usual:
        rows = quoted_rows(lines, delimiter, path)
    else:
        rows = ((line, plain_fields(line.text, delimiter)) for line in lines)
    yield from _rows(rows, path, faults)


def require_distinct(names: Sequence[str], source: object) -> None:
    """Raise where two columns have one name: which is meant cannot be known.

    Raises:
        InputError: Names it.
    """
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise InputError(f"{source} has two columns called '{twice}': give them different names.")


def _rows(rows: Iterator[tuple[Line, list[str]]], path: Path, faults: Faults) -> Iterator[Row]:
    first = next(rows, None)
    if first is None:
        return
    header = _header(*first, path, faults)
    for line, fields in rows:
        if not fields and len(header) > 1:
            faults.blank_lines.add(line.number)
        elif line.stays(path, faults):
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
        line.stays(path, faults)
    require_distinct(names, path)
    return names


def _named(header: list[str], fields: list[str], path: Path, number: int) -> dict[str, Any]:
    if len(fields) != len(header):
        raise InputError(
            f"{path}, row {number}: {len(fields)} fields where the header has {len(header)} "
            f"({', '.join(map(repr, header[:8]))}). If the fields are separated in another way, "
            "use `sentemb.datasets.delimiters.separated_by()`."
        )
    return dict(zip(header, fields, strict=True))
