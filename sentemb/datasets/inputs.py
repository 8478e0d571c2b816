"""Texts or pairs to predict something of: every row, in order, blank ones too."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets import Dataset

from sentemb.datasets.files import text_of
from sentemb.datasets.in_memory import Container
from sentemb.datasets.labels import label_of, score_of
from sentemb.datasets.layouts import LABELLED, SCORED, Layout, read_layout, shown
from sentemb.datasets.roles import LABEL, MARKS, SCORE, column_of, plain
from sentemb.datasets.source import Source, as_source
from sentemb.errors import InputError, nearest

ID = "id"


def read_inputs(
    source: Source | Container,
    layouts: Sequence[Layout],
    columns: Sequence[str] | None = None,
) -> Dataset:
    """Read the text columns of the fullest layout that the file has; a missing text is "".

    Args:
        source: A file (txt, csv, tsv, json, jsonl, parquet, arrow, also .gz), a hub data set, or
            rows in memory.
        layouts: Of texts alone, the fullest first; of each, other names do too.
        columns: Names in the file, in the order of a layout, where they are others.

    Raises:
        InputError: When no layout fits, or a value is not a text; names the row.
    """
    return read_marked_inputs(source, layouts, columns).texts


@dataclass(frozen=True)
class Inputs:
    """Texts or pairs, with what else their rows have.

    Args:
        texts: Columns of texts, by role.
        source: What the rows were read from, as messages call it.
        numbers: Of the rows in the source.
        ids: What the column ``id`` holds; None where there is none.
        marks: What the columns of labels and scores hold, by role.
    """

    texts: Dataset
    source: str = "data"
    numbers: list[int] = field(default_factory=list)
    ids: list[Any] | None = None
    marks: dict[str, list[Any]] = field(default_factory=dict)

    def labels(self) -> list[str | None]:
        """Return the label of each row, None where it has none; nothing where no row has one.

        Raises:
            InputError: When a value is not a label; names the row.
        """
        rows = zip(self.numbers, self.marks.get(LABEL, []), strict=False)
        found = [label_of({LABEL: value}, LABEL, self.source, number) for number, value in rows]
        return found if any(label is not None for label in found) else []

    def scores(self) -> list[float | None]:
        """Return the score of each row, as `labels`; read from a column of labels if need be.

        Raises:
            InputError: When a value is not a number; names the row.
        """
        rows = zip(self.numbers, self.marks.get(SCORE, self.marks.get(LABEL, [])), strict=False)
        found = [score_of({SCORE: value}, SCORE, self.source, number) for number, value in rows]
        return found if any(score is not None for score in found) else []


def read_marked_inputs(
    source: Source | Container,
    layouts: Sequence[Layout],
    columns: Sequence[str] | None = None,
    label_column: str | None = None,
) -> Inputs:
    """Read texts as `read_inputs` does, with the ids, labels and scores that the rows have.

    Args:
        source: As in `read_inputs`.
        layouts: As in `read_inputs`.
        columns: As in `read_inputs`.
        label_column: The column of labels or scores, where its name says nothing.

    Raises:
        InputError: As `read_inputs`, and when there is no such column of labels.
    """
    source = as_source(source, [*layouts, *LABELLED, *SCORED])
    mapping, rows = read_layout(source, layouts, columns, also=MARKS)
    data: dict[str, list[str]] = {name: [] for name in mapping}
    numbers: list[int] = []
    others: list[dict[str, Any]] = []
    for number, row in rows:
        for name, column in mapping.items():
            data[name].append(text_of(row, column, source, number))
        numbers.append(number)
        others.append({name: row[name] for name in row if name not in mapping.values()})
    present = list(others[0])
    if label_column is not None and label_column not in present:
        raise InputError(
            f"{source} has no column '{label_column}' beside its texts; it has {shown(present)}."
            + nearest(label_column, present)
        )
    roles = {role: label_column or column_of(role, present) for role in (LABEL, SCORE)}
    found = {role: [row.get(n) for row in others] for role, n in roles.items() if n is not None}
    of_ids = next((name for name in present if plain(name) == ID), None)
    ids = None if of_ids is None else [row.get(of_ids) for row in others]
    return Inputs(Dataset.from_dict(data), str(source), numbers, ids, found)
