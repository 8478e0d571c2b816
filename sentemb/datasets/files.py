"""Rows of a file, each with its number: txt, csv, tsv, jsonl, parquet, each also .gz and .zst.

A row of a text format ends at LF and nowhere else; a CR before it and a BOM at the start of the
file are dropped. A blank line of a table with one column is a blank text; of a wider table it is no
row. A line of a txt file is cut at 1 MiB; of another format it may have 64 MiB. Row numbers count
lines from 1, in parquet and arrow rows from 1.
"""

import csv
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from sentemb.datasets.faults import Faults
from sentemb.datasets.lines import COMPRESSED, LONGEST_TEXT, lines_of, opened
from sentemb.errors import InputError

Row = tuple[int, dict[str, Any]]


def read_rows(path: Path, faults: Faults | None = None) -> Iterator[Row]:
    """Yield ``(row number, {column: value})``; a txt file has the one column ``text``.

    Args:
        path: Of the file.
        faults: What is done with rows that are not UTF-8, and where they are counted; by default
            they are errors.

    Raises:
        InputError: When the file or a row of it cannot be read; names the row.
    """
    suffixes = path.suffixes[-2:] if path.suffix in COMPRESSED else path.suffixes[-1:]
    suffix = suffixes[0].lower() if suffixes else ""
    if suffix not in READERS:
        raise InputError(
            f"{path}: unknown format '{suffix or 'none'}'; allowed: {', '.join(READERS)}, "
            f"each also with {' or '.join(COMPRESSED)}."
        )
    with opened(path) as file:
        yield from READERS[suffix](file, path, faults or Faults())


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
    return _read_txt(file, Path(name), faults or Faults())


def _read_txt(file: IO[bytes], path: Path, faults: Faults) -> Iterator[Row]:
    for number, line in lines_of(file, path, faults, LONGEST_TEXT):
        yield number, {"text": line}


def _read_csv(file: IO[bytes], path: Path, faults: Faults) -> Iterator[Row]:
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader((line + "\n" for _, line in lines_of(file, path, faults)), strict=True)
    try:
        header = next(reader, None)
        for fields in reader:
            if header and (fields or len(header) == 1):
                yield reader.line_num, _named(header, fields or [""], path, reader.line_num)
    except csv.Error as error:
        raise InputError(f"{path}, row {reader.line_num}: {error}.") from error


def _read_tsv(file: IO[bytes], path: Path, faults: Faults) -> Iterator[Row]:
    """Read tab-separated fields without csv quoting: STS-B's files hold lone quotes."""
    lines = lines_of(file, path, faults)
    header = next(lines, (0, ""))[1].split("\t")
    for number, line in lines:
        if line or len(header) == 1:
            yield number, _named(header, line.split("\t"), path, number)


def _named(header: list[str], fields: list[str], path: Path, number: int) -> dict[str, Any]:
    if len(fields) != len(header):
        raise InputError(
            f"{path}, row {number}: {len(fields)} fields where the header has {len(header)}."
        )
    return dict(zip(header, fields, strict=True))


def _read_jsonl(file: IO[bytes], path: Path, faults: Faults) -> Iterator[Row]:
    for number, line in lines_of(file, path, faults):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:  # also numbers of 4,300 digits
            reason = error.msg if isinstance(error, json.JSONDecodeError) else error
            raise InputError(f"{path}, row {number}: not JSON ({reason}).") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}, row {number}: a JSON object is needed, got {line[:40]!r}.")
        yield number, row


def _read_parquet(file: IO[bytes], path: Path, _faults: Faults) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    with tempfile.TemporaryFile() as whole:
        if not file.seekable():  # decompressed on the way
            shutil.copyfileobj(file, whole)
            file = whole
        try:
            for batch in pyarrow.parquet.ParquetFile(file).iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
        except pyarrow.ArrowException as error:
            raise InputError(f"{path}: not a parquet file ({error}).") from error


READERS: dict[str, Callable[[IO[bytes], Path, Faults], Iterator[Row]]] = {
    ".txt": _read_txt,
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
