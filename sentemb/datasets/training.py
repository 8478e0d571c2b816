"""Training data: rows with the columns that a recipe reads, under fixed names."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from sentemb.datasets.faults import Faults
from sentemb.datasets.files import text_of
from sentemb.datasets.labels import label_of, score_of
from sentemb.datasets.layouts import Layout, read_layout
from sentemb.datasets.lines import Row
from sentemb.errors import InputError

LABEL = "label"
SCORE = "score"
READ: dict[str, Callable[[dict[str, Any], str, object, int], str | float]] = {
    LABEL: label_of,
    SCORE: score_of,
}
"""How a value is read; that of any other column is a text."""


@dataclass(frozen=True)
class TrainingData:
    """Rows that can be trained on, and what was left out of them.

    Args:
        rows: Text columns under their fixed names; labels or scores, where there are any, in the
            column ``label``.
        source: The file or data set, as it was named.
        empty_rows: Rows without text that were left out.
        classes: The labels, in the order of their numbers in the column ``label``.
    """

    rows: Dataset
    source: str
    empty_rows: int
    classes: tuple[str, ...] = ()


def read_training_data(
    source: str | os.PathLike[str],
    layouts: Sequence[Layout],
    columns: Sequence[str] | None = None,
    classes: tuple[str, ...] = (),
) -> TrainingData:
    """Read the rows of the fullest layout that the file has.

    Rows of single texts that are blank are left out and counted. A pair or triplet with a blank
    text is an error. Labels, strings or whole numbers, become 0, 1, … in the order of their names;
    scores stay the numbers they are. There must be two labels, or two scores, at least.

    Args:
        source: A file (txt, csv, tsv, jsonl, parquet, each also .gz) or a hub data set.
        layouts: What the recipe can read, the fullest first; of each, other names do too.
        columns: Names in the file, in the order of a layout, where they are others.
        classes: The labels there are, where the rows are to be those of another file's.

    Raises:
        InputError: When no layout fits, all labels or scores are the same, or a row has a text
            missing or a label that is not among ``classes``; names the row.
    """
    faults = Faults()
    mapping, rows = read_layout(source, layouts, columns, faults)
    data: dict[str, list[Any]] = {name: [] for name in mapping}
    empty = 0
    for values in _values(str(source), rows, mapping, classes):
        if values is None:
            empty += 1
            continue
        for name, value in values.items():
            data[name].append(value)
    empty += faults.blank_lines.rows
    if not any(data.values()):
        raise InputError(f"{source} holds no row with text.")
    if SCORE in data:
        scores = data.pop(SCORE)
        if len(set(scores)) < 2:
            raise InputError(
                f"{source} has one score only, {scores[0]:g}: at least 2 different ones are needed."
            )
        return TrainingData(Dataset.from_dict({**data, LABEL: scores}), str(source), empty)
    if LABEL not in data:
        return TrainingData(Dataset.from_dict(data), str(source), empty)
    classes = classes or tuple(sorted(set(data[LABEL])))
    if len(classes) > max(20, len(data[LABEL]) / 2):
        raise InputError(
            f"{source} has {len(classes)} labels in {len(data[LABEL])} rows: these are scores, not "
            "classes."
        )
    if len(classes) < 2:
        raise InputError(f"{source} has one label only, '{classes[0]}': at least 2 are needed.")
    numbers = [classes.index(label) for label in data[LABEL]]
    return TrainingData(Dataset.from_dict({**data, LABEL: numbers}), str(source), empty, classes)


def _values(
    source: str, rows: Iterator[Row], mapping: dict[str, str], classes: tuple[str, ...]
) -> Iterator[dict[str, str | float] | None]:
    """Yield the values of each row by their fixed names; None for a single text that is blank."""
    for number, row in rows:
        values = {
            name: READ.get(name, text_of)(row, column, source, number)
            for name, column in mapping.items()
        }
        blank = [name for name, value in values.items() if not str(value).strip()]
        if blank and len(mapping) == 1:
            yield None
            continue
        if blank:
            raise InputError(
                f"{source}, row {number} has no {blank[0]}: fill it, or take the row out"
                + (", or train on --columns anchor,positive." if blank == ["negative"] else ".")
            )
        if classes and LABEL in values and values[LABEL] not in classes:
            raise InputError(
                f"{source}, row {number}: label '{values[LABEL]}' is none of those trained on: "
                f"{', '.join(classes)}."
            )
        yield values
