"""Texts to encode: every row, in order, blank ones too."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

from sentemb.datasets.faults import Faults
from sentemb.datasets.files import InvalidTextError, read_stream, text_of
from sentemb.datasets.in_memory import Container
from sentemb.datasets.lines import Row
from sentemb.datasets.source import Source, as_source, read_source
from sentemb.errors import InputError, nearest, reading

logger = logging.getLogger(__name__)


class TextRow(NamedTuple):
    """A text with the row that it is from.

    Args:
        text: To encode.
        columns: All values of the row by column, the text among them.
        column: That of the text.
        held: Bytes that are held in memory beside it until it is embedded.
    """

    text: str
    columns: dict[str, Any]
    column: str = "text"
    held: int = 0


Item = TypeVar("Item")


def read_texts(
    source: Source | Container, column: str = "text", faults: Faults | None = None
) -> Iterator[str]:
    """Yield one text of every row.

    Args:
        source: A file, a hub data set, or rows in memory.
        column: Its column.
        faults: What is done with rows that are not valid text, and where they are counted; by
            default they are errors.

    Raises:
        InputError: When there is no such column, or a value is not a text; names the row.
    """
    return (row.text for row in read_text_rows(source, column, faults))


def read_text_rows(
    source: Source | Container, column: str = "text", faults: Faults | None = None
) -> Iterator[TextRow]:
    """Yield every row with its text; arguments and errors are those of `read_texts`."""
    source = as_source(source)
    present, rows = read_source(source, faults=faults)
    if column not in present:
        raise InputError(
            f"{source}: its first row has no column '{column}'; it has {', '.join(present)}. "
            f"Name one with `column`.{nearest(column, present)}"
        )
    return text_rows_of(rows, column, source, faults)


def texts_of(
    rows: Iterable[Row], column: str, source: object, faults: Faults | None = None
) -> Iterator[str]:
    """Yield one text of every row, as `read_texts`."""
    return (row.text for row in text_rows_of(rows, column, source, faults))


def texts_of_stream(stream: IO[bytes], name: str, faults: Faults) -> Iterator[str]:
    """Yield the lines of a stream, blank ones too.

    Args:
        stream: Of bytes, as stdin's.
        name: What messages call it.
        faults: As in `read_texts`.
    """
    return texts_of(read_stream(stream, name, faults), "text", name, faults)


def text_rows_of(
    rows: Iterable[Row], column: str, source: object, faults: Faults | None = None
) -> Iterator[TextRow]:
    """Yield every row with its text, as `read_text_rows`."""
    faults = faults or Faults()
    count = 1
    for number, row in rows:
        faults.came_from(count, number)
        try:
            text = text_of(row, column, source, number)
        except InvalidTextError as error:
            if faults.errors == "strict":
                raise
            faults.invalid.add(number)
            if faults.errors == "skip":
                continue
            text = error.replaced
        yield TextRow(text, {**row, column: text}, column)
        count += 1


def texts_without_blanks(source: Source, column: str) -> list[str]:
    """Read the texts of a file without the blank ones, whose number is logged.

    Raises:
        InputError: When all are blank.
    """
    texts = list(read_texts(source, column))
    kept = [text for text in texts if text.strip()]
    if not kept:
        raise InputError(f"{source} holds no row with text.")
    if len(kept) < len(texts):
        logger.info("%s: %s empty rows left out", source, f"{len(texts) - len(kept):,}")
    return kept


def texts_and_total(
    source: str | os.PathLike[str], column: str, faults: Faults, *, keep_columns: bool = False
) -> tuple[Iterator[str] | Iterator[TextRow], int | None]:
    """Return the texts of a source, and their number where it is a file and can be read twice.

    Args:
        source: A file, or a hub data set.
        column: Its column of texts.
        faults: As in `read_texts`.
        keep_columns: Whether each text comes with its row.

    Raises:
        InputError: As `read_texts`, and while the texts are read where the file has become shorter.
    """
    read: Callable[..., Iterator[Any]] = read_text_rows if keep_columns else read_texts
    with reading():
        is_file = Path(source).is_file()
    if not is_file:
        return read(source, column, faults), None
    total = sum(1 for _ in read_texts(source, column, Faults(faults.errors)))
    return as_counted(read(source, column, faults), total, source), total


def as_counted(texts: Iterator[Item], total: int, source: str | os.PathLike[str]) -> Iterator[Item]:
    """Yield the texts of a file that was counted before, unless it has become shorter since."""
    rows = 0
    for rows, text in enumerate(texts, start=1):  # noqa: B007 -- the last number is their count
        yield text
    if rows < total:
        raise InputError(
            f"{source} became shorter while it was read: {total:,} rows were counted, and then "
            f"there were {rows:,}. Restore it, and give the same command again to resume."
        )
    if rows > total:
        logger.warning(
            "%s grew while it was read: %s rows were counted, %s are encoded.",
            *(source, f"{total:,}", f"{rows:,}"),
        )
