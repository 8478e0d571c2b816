"""Rows of a file, each with its number: txt, csv, tsv, jsonl, parquet, each also .gz and .zst.

A line of a text format ends at LF and nowhere else; a CR before it and a BOM at the start of the
file are dropped. A line is a row; in csv, quotes can have several lines in one row, which has the
number of the last. A blank line of a txt file, or of a table with one column, is a blank text; of a
wider table or in jsonl it is no row, and counted. A line of a txt file is cut at 1 MiB; of another
format it may have 64 MiB. Row numbers count lines from 1, in parquet rows from 1.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from sentemb.datasets.faults import Faults
from sentemb.datasets.lines import (
    COMPRESSED,
    LONGEST_TEXT,
    Line,
    Row,
    lines_of,
    opened,
    suffixes_of,
)
from sentemb.datasets.tables import read_csv, read_tsv, require_distinct
from sentemb.errors import InputError


def read_rows(path: Path, faults: Faults | None = None) -> Iterator[Row]:
    """Yield ``(row number, {column: value})``; a txt file has the one column ``text``.

    Args:
        path: Of the file.
        faults: What is done with rows that are not UTF-8, and where they are counted; by default
            they are errors.

    Raises:
        InputError: When the file or a row of it cannot be read; names the row.
    """
    faults = faults or Faults()
    with opened(path) as file:
        suffix = next(iter(suffixes_of(path)), "none")
        if suffix not in READERS:
            raise InputError(
                f"{path}: unknown format '{suffix}'; allowed: {', '.join(READERS)}, "
                f"each also with {' or '.join(COMPRESSED)}."
            )
        yield from _with_nul_counted(READERS[suffix](file, path, faults), faults)


def text_of(row: dict[str, Any], column: str, source: object, number: int) -> str:
    """Return a row's text; "" where there is none.

    Raises:
        InputError: When the value is no text, or cannot be written as UTF-8; names the row.
    """
    value = row.get(column)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(
            f"{source}, row {number}: column '{column}' holds {value!r}; a text is needed."
        )
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidTextError(
                f"{source}, row {number}: column '{column}' is no valid text ({error.reason}).",
                value,
            ) from error
    return value


class InvalidTextError(InputError):
    """A text that holds half of a surrogate pair, as JSON can write it.

    Args:
        message: Names the row.
        text: As it came.
    """

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text

    @property
    def replaced(self) -> str:
        """The text with U+FFFD for each such half."""
        return self.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def read_stream(file: IO[bytes], name: str, faults: Faults | None = None) -> Iterator[Row]:
    """Yield the lines of a stream as rows with the one column ``text``."""
    faults = faults or Faults()
    return _with_nul_counted(_read_txt(file, Path(name), faults), faults)


def _with_nul_counted(rows: Iterator[Row], faults: Faults) -> Iterator[Row]:
    for number, row in rows:
        for value in row.values():
            if isinstance(value, str) and "\0" in value:
                faults.nul.add(number)
        yield number, row


def _read_txt(file: IO[bytes], path: Path, faults: Faults) -> Iterator[Row]:
    for line in lines_of(file, path, faults, LONGEST_TEXT):
        if line.stays(faults):
            yield line.number, {"text": line.text}


def _read_jsonl(file: IO[bytes], path: Path, faults: Faults) -> Iterator[Row]:
    for line in lines_of(file, path, faults):
        if not line.text.strip():
            faults.blank_lines.add(line.number)
        elif line.stays(faults):
            yield line.number, _object(line, path)


def _object(line: Line, path: Path) -> dict[str, Any]:
    try:
        row = DECODER.decode(line.text)
    except (ValueError, RecursionError) as error:  # also numbers of 4,300 digits
        reason = error.msg if isinstance(error, json.JSONDecodeError) else error
        raise InputError(f"{path}, row {line.number}: not JSON ({reason}).") from error
    if not isinstance(row, dict):
        raise InputError(
            f"{path}, row {line.number}: a JSON object is needed, got {line.text[:40]!r}."
        )
    return row


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members; of two with one name, `json` would take the last."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object names '{twice}' twice")
    return members


DECODER = json.JSONDecoder(object_pairs_hook=_distinct)


def _read_parquet(file: IO[bytes], path: Path, _faults: Faults) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    with tempfile.TemporaryFile() as whole:
        if not file.seekable():  # decompressed on the way
            shutil.copyfileobj(file, whole)
            file = whole
        try:
            table = pyarrow.parquet.ParquetFile(file)
            require_distinct(table.schema_arrow.names, path)
            for batch in table.iter_batches():
                yield from enumerate(_values(batch, path, number), start=number + 1)
                number += batch.num_rows
        except (pyarrow.ArrowException, OSError, UnicodeError) as error:
            if getattr(error, "errno", None) is not None:  # the disk's
                raise
            said = str(error).strip().partition("\n")[0]
            raise InputError(f"{path}: not a parquet file, or a damaged one ({said}).") from error


def _values(batch: Any, path: Path, before: int) -> list[dict[str, Any]]:
    """Return the rows of a batch; ``before`` it there are so many."""
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except ValueError:  # no UTF-8, or a time that Python has not
        for place in range(batch.num_rows):
            try:
                batch.slice(place, 1).to_pylist()
            except ValueError as error:
                raise InputError(f"{path}, row {before + place + 1}: {error}.") from error
        raise
    return rows


READERS: dict[str, Callable[[IO[bytes], Path, Faults], Iterator[Row]]] = {
    ".txt": _read_txt,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
