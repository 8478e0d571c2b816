"""Texts to encode: every row, in order, blank ones too."""

from collections.abc import Iterable, Iterator

from sentemb.datasets.faults import Faults
from sentemb.datasets.files import InvalidTextError, text_of
from sentemb.datasets.in_memory import Container
from sentemb.datasets.lines import Row
from sentemb.datasets.source import Source, as_source, read_source
from sentemb.errors import InputError, nearest


def read_texts(
    source: Source | Container, column: str = "text", faults: Faults | None = None
) -> Iterator[str]:
    """Yield one text of every row.

    Args:
        source: A file, a hub data set, or rows in memory.
        column: Its column.
        faults: What is done with rows that are no valid text, and where they are counted; by
            default they are errors.

    Raises:
        InputError: When there is no such column, or a value is no text; names the row.
    """
    source = as_source(source)
    present, rows = read_source(source, faults=faults)
    if column not in present:
        raise InputError(
            f"{source}: its first row has no column '{column}'; it has {', '.join(present)}. "
            f"Name one with --column.{nearest(column, present)}"
        )
    return texts_of(rows, column, source, faults)


def texts_of(
    rows: Iterable[Row], column: str, source: object, faults: Faults | None = None
) -> Iterator[str]:
    """Yield one text of every row, as `read_texts`."""
    faults = faults or Faults()
    count = 1
    for number, row in rows:
        faults.came_from(count, number)
        try:
            yield text_of(row, column, source, number)
        except InvalidTextError as error:
            if faults.errors == "strict":
                raise
            faults.invalid.add(number)
            if faults.errors == "skip":
                continue
            yield error.replaced
        count += 1
