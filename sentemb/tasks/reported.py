"""What the results of tasks share: they print, and become data frames and JSON, as a report."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sentemb.table import Cell, Report, Table
from sentemb.tasks.vectors import Embedded

if TYPE_CHECKING:
    import pandas

SHOWN, WIDTH = 10, 60
"""How many rows of a table are shown, and how much of a text."""


class Reported(ABC):
    """A result that is shown as its report."""

    @abstractmethod
    def report(self) -> Report:
        """Return the tables that are shown, and a record of everything."""

    def __repr__(self) -> str:
        return repr(self.report())

    def _repr_html_(self) -> str:
        return self.report()._repr_html_()

    def to_pandas(self) -> "pandas.DataFrame":
        """Return all rows as a data frame.

        Raises:
            UsageError: When pandas is not installed.
        """
        return self.report().to_pandas()

    def to_json(self) -> str:
        """Return everything as one JSON object."""
        return self.report().to_json()


def rows_of(
    data: Embedded, places: Iterable[int], column: str = "text", **further: Iterable[Any]
) -> list[dict[str, Any]]:
    """Return rows with their columns, the text first, and further ones.

    Args:
        data: All rows.
        places: Of the rows to return, from 0.
        column: What the column of texts is called.
        further: A value for each returned row, by column.
    """
    rows = [
        {column: data.texts[place]} | {name: each[place] for name, each in data.columns.items()}
        for place in places
    ]
    for name, values in further.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    return rows


def first_rows(table: Table) -> Table:
    """Return the first rows of a table, long texts cut."""
    return Table(table.columns, [[_cut(value) for value in row] for row in table.rows[:SHOWN]])


def _cut(value: Any) -> Any:
    """Return what a table shows of a text: one line, and no more than its beginning."""
    if not isinstance(value, str):
        return value
    line = " ".join(value.split())
    return Cell(value, line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…")
