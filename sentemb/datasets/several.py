"""Several data sets as one: their rows one after the other, in the columns of all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from datasets import Dataset, concatenate_datasets

from sentemb.datasets.roles import LABEL
from sentemb.datasets.training import TrainingData
from sentemb.errors import InputError

Order = Literal["proportional", "round-robin", "weights"]
SOURCE = "source"
"""The column that numbers the data set of a row."""


@dataclass(frozen=True)
class SeveralData(TrainingData):
    """Rows of several data sets, one data set after the other.

    Columns that a data set has not hold "", a label or a number that it has not 0.

    Args:
        parts: The data sets by their names.
        order: How batches are taken of them, as `sentemb.training.Mixing` has it.
        weights: Of each, where that is the order.
    """

    parts: tuple[tuple[str, TrainingData], ...] = ()
    order: Order = "proportional"
    weights: tuple[float, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the data sets."""
        return tuple(name for name, _ in self.parts)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Rows of each."""
        return tuple(len(part.rows) for _, part in self.parts)


def joined(
    parts: Mapping[str, TrainingData],
    order: Order = "proportional",
    weights: Sequence[float] = (),
) -> SeveralData:
    """Return several data sets as one.

    Args:
        parts: As they were read, by names; at least one.
        order: As of `SeveralData`.
        weights: As of `SeveralData`.

    Raises:
        InputError: When one has no rows.
    """
    for name, part in parts.items():
        if not len(part.rows):
            raise InputError(f"The data set '{name}' has no rows.")
    each = list(parts.values())
    blanks = {name: _blank(part.rows, name) for part in each for name in part.rows.column_names}
    tables = [_widened(part.rows, blanks, number) for number, part in enumerate(each)]
    return SeveralData(
        rows=concatenate_datasets(tables),
        source=", ".join(part.source for part in each),
        empty_rows=sum(part.empty_rows for part in each),
        unlabelled_rows=sum(part.unlabelled_rows for part in each),
        rows_without_negatives=sum(part.rows_without_negatives for part in each),
        parts=tuple(parts.items()),
        order=order,
        weights=tuple(weights),
    )


def _blank(rows: Dataset, column: str) -> str | float | int:
    """Return what stands for a value that a data set has not, of the kind of those of another."""
    if column == LABEL:
        return 0.0
    return 0 if rows.features[column].dtype.startswith("int") else ""


def _widened(rows: Dataset, blanks: Mapping[str, str | float | int], number: int) -> Dataset:
    """Return rows with all columns in one order, and the number of their data set."""
    count = len(rows)
    if LABEL in rows.column_names:
        labels = list(map(float, rows[LABEL][:]))
        rows = rows.remove_columns(LABEL).add_column(LABEL, labels)
    for column, blank in blanks.items():
        if column not in rows.column_names:
            rows = rows.add_column(column, [blank] * count)
    rows = rows.add_column(SOURCE, [number] * count)
    return rows.select_columns([*blanks, SOURCE])
