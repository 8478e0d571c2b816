"""Rows of a file, each with its number; every format may also be compressed, .gz or .zst.

Formats are txt, csv, tsv, json, jsonl, parquet and arrow. A line of a text format ends at LF and
nowhere else; a CR before it and a BOM at the start of the file are dropped.

Rows are counted from 1, as a spreadsheet or an editor shows them: of txt and jsonl a row is a line;
of csv and tsv the header is row 1 and a blank line is a row, but a cell with line breaks is not
several; of json it is an element of the list; of parquet and arrow the rows are the file's own.

A blank line of a txt file, or of a table with one column, is a blank text; of a wider table or in
jsonl it is not a row, and counted. A text of any format is cut at 1 MiB, and counted; a line of
json or of a table may have 128 MiB.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from sentemb.datasets.columnar import read_arrow, read_parquet
from sentemb.datasets.faults import Faults
from sentemb.datasets.json_rows import read_json
from sentemb.datasets.limits import LONGEST_TEXT, cut_row
from sentemb.datasets.lines import COMPRESSED, Row, lines_of, opened, suffixes_of
from sentemb.datasets.tables import read_csv, read_tsv
from sentemb.errors import InputError

SHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".numbers")
DOCUMENTS = (".doc", ".docx", ".odt", ".rtf", ".pdf", ".html", ".htm")
ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz")
WAYS_OUT = {
    **dict.fromkeys(SHEETS, "Save the sheet as csv in UTF-8, and give that."),
    **dict.fromkeys(DOCUMENTS, "Save it as plain text in UTF-8, a text a line."),
    **dict.fromkeys(ARCHIVES, "Unpack it, and give the file inside."),
}


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
                + (f" {WAYS_OUT[suffix]}" if suffix in WAYS_OUT else "")
            )
        yield from examined(READERS[suffix](file, path, faults), faults)


def names_rows(word: str) -> bool:
    """Tell whether a word names a file of rows: one that is there, or by its ending.

    Example:
        >>> names_rows("pairs.tsv.gz"), names_rows("mini")
        (True, False)
    """
    path = Path(word)
    return path.is_file() or (
        not path.is_dir() and not READERS.keys().isdisjoint(suffixes_of(path))
    )


def text_of(row: dict[str, Any], column: str, source: object, number: int) -> str:
    """Return a row's text; "" where there is none.

    Raises:
        InputError: When the value is not a text, or cannot be written as UTF-8; names the row.
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
                f"{source}, row {number}: column '{column}' is not a valid text ({error.reason}).",
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
    return examined(_read_txt(file, Path(name), faults), faults)


def examined(rows: Iterator[Row], faults: Faults) -> Iterator[Row]:
    """Cut texts that are too long, and count them and those with NUL characters."""
    for number, row in rows:
        if cut_row(row):
            faults.long.add(number)
        for value in row.values():
            if isinstance(value, str) and "\0" in value:
                faults.nul.add(number)
        yield number, row


def _read_txt(file: IO[bytes], path: Path, faults: Faults) -> Iterator[Row]:
    for line in lines_of(file, path, faults, LONGEST_TEXT):
        if line.stays(path, faults):
            yield line.number, {"text": line.text}


READERS: dict[str, Callable[[IO[bytes], Path, Faults], Iterator[Row]]] = {
    ".txt": _read_txt,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".json": read_json,
    ".jsonl": read_json,
    ".ndjson": read_json,
    ".parquet": read_parquet,
    ".arrow": read_arrow,
    ".feather": read_arrow,
}
