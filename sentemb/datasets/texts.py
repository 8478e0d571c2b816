"""Texts to encode: every row, in order, blank ones too."""

import os
from collections.abc import Iterator

from sentemb.datasets.files import text_of
from sentemb.datasets.source import read_source
from sentemb.errors import InputError, nearest


def read_texts(source: str | os.PathLike[str], column: str = "text") -> Iterator[str]:
    """Yield one text of every row.

    Raises:
        InputError: When there is no such column, or a value is no text; names the row.
    """
    present, rows = read_source(source)
    if column not in present:
        raise InputError(
            f"{source} has no column '{column}'; it has {', '.join(present)}. "
            f"Name one with --column.{nearest(column, present)}"
        )
    for number, row in rows:
        yield text_of(row, column, source, number)
