"""Training data: rows with the columns that a recipe reads, under fixed names."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from sentemb.datasets.faults import Faults, Found
from sentemb.datasets.files import text_of
from sentemb.datasets.in_memory import Container, InMemory
from sentemb.datasets.labels import label_of, score_of
from sentemb.datasets.layouts import LAYOUTS, Layout, read_layout
from sentemb.datasets.lines import Row
from sentemb.datasets.lists import each_of, first_of, is_listed
from sentemb.datasets.omitted import Omitted, numbers, tell_faults
from sentemb.datasets.roles import (
    LABEL,
    MARKS,
    NEGATIVE,
    SCORE,
    is_negative,
    negative_roles,
)
from sentemb.datasets.source import Source, as_source
from sentemb.errors import InputError
from sentemb.evaluation import Evaluator

READ: dict[str, Callable[[dict[str, Any], str, object, int], str | float | None]] = {
    LABEL: label_of,
    SCORE: score_of,
    "positive": first_of,
}
"""How a value is read; that of any other column is a text, and negatives are lists of texts."""
logger = logging.getLogger("sentemb")


@dataclass(frozen=True)
class TrainingData:
    """Rows that can be trained on, and what was left out of them.

    Args:
        rows: Text columns under their fixed names; labels or scores, where there are any, in the
            column ``label``.
        source: The file or data set, as it was named; of rows in memory their kind, as ``<list>``.
        empty_rows: Rows without text that were left out.
        classes: The labels, in the order of their numbers in the column ``label``.
        unlabelled_rows: Rows without a label or a score that were left out.
        rows_without_negatives: Rows without a hard negative, where others have some.
    """

    rows: Dataset
    source: str
    empty_rows: int
    classes: tuple[str, ...] = ()
    unlabelled_rows: int = 0
    rows_without_negatives: int = 0

    def evaluators(self, twin: Any) -> list[Evaluator]:
        """Return what the data themselves have to measure a twin on; nothing here."""
        return []


def read_training_data(
    source: Source | Container,
    layouts: Sequence[Layout],
    columns: Sequence[str] | None = None,
    classes: tuple[str, ...] = (),
) -> TrainingData:
    """Read the rows of the fullest layout that the file has.

    Rows of single texts that are blank, and rows without a label or a score, are left out and
    counted; see `sentemb.datasets.labels` for what stands for no label. A pair or triplet with a
    blank text is an error. Labels become 0, 1, … in the order of their names; scores stay the
    numbers they are. There must be two labels, or two scores, at least.

    Where rows may have several negatives (numbered columns, or lists), a row may have fewer than
    others, or none; the columns are ``negative``, ``negative_2`` and so on, "" for what is missing.

    Args:
        source: A file of any format, also compressed, a hub data set, or rows in memory.
        layouts: What the recipe can read, the fullest first; see `sentemb.datasets.roles`.
        columns: Names in the file, in the order of a layout, where they are others.
        classes: The labels there are, where the rows are to be those of another file's.

    Raises:
        InputError: When no layout fits, all labels or scores are the same, no row has a negative,
            or a row has a text missing or a label that is not among ``classes``; names the row.
    """
    source, faults, omitted = as_source(source, layouts), Faults(), Omitted()
    mapping, rows = read_layout(source, layouts, columns, faults)
    mark = next((mark for mark in MARKS if mark in mapping), LABEL)
    roles = [role for role in mapping if role == NEGATIVE or not is_negative(role)]
    data: dict[str, list[Any]] = {name: [] for name in roles}
    for values in _values(str(source), rows, mapping, classes, omitted):
        for name, value in values.items():
            data[name].append(value)
    tell_faults(source, faults)
    omitted.tell(source, mark)
    if not any(data.values()):
        marked = f" and a {mark}" if mark in mapping else ""
        raise InputError(f"{source} holds no row with text{marked}{omitted.why(mark)}.")
    if NEGATIVE in data:
        data |= _spread(data.pop(NEGATIVE), str(source), mapping)
    given = data.pop(mark, None)
    numbered, classes = _numbered(source, mark, given, classes, omitted.why(mark))
    return TrainingData(
        rows=Dataset.from_dict(data if given is None else {**data, LABEL: numbered}),
        source=source.origin if isinstance(source, InMemory) else str(source),
        empty_rows=omitted.blank.rows + faults.blank_lines.rows,
        classes=classes,
        unlabelled_rows=omitted.unmarked.rows,
        rows_without_negatives=omitted.without_negatives.rows,
    )


def as_training_data(
    data: TrainingData | Source | Container,
    layouts: Sequence[Layout] | None = None,
    columns: Sequence[str] | None = None,
    classes: tuple[str, ...] = (),
    name: str = "data",
) -> TrainingData:
    """Return rows of any kind as data to train on, as the same rows in a file would be read.

    Args:
        data: A path or a hub id; a list of texts, of tuples or of dicts; a dict of columns; a
            `datasets.Dataset`; a `pandas.DataFrame`. Data that was read already is returned.
        layouts: What a recipe can read, the fullest first; by default `LAYOUTS`.
        columns: Names of the columns, in the order of a layout, where they are others.
        classes: The labels there are, where the rows are to be those of other data.
        name: The parameter that rows in memory were given as, which messages call them by.

    Raises:
        InputError: As `read_training_data`; names the row, counted from 1.

    Example:
        >>> as_training_data(["A sentence.", " ", "Another one."]).rows["text"][:]
        ['A sentence.', 'Another one.']
        >>> as_training_data([("One.", "Two.", 4.5), ("One.", "Three.", 0)]).rows.column_names
        ['sentence1', 'sentence2', 'label']
    """
    if isinstance(data, TrainingData):
        return data
    layouts = LAYOUTS if layouts is None else layouts
    return read_training_data(as_source(data, layouts, name), layouts, columns, classes)


def _spread(
    negatives: list[list[str]], source: str, mapping: dict[str, str]
) -> dict[str, list[str]]:
    """Return a column for each of the negatives of the row that has the most; "" for none.

    Raises:
        InputError: When no row has any.
    """
    most = max(map(len, negatives))
    if not most:
        raise InputError(f"{source}: no row has a negative: fill some in{_without(mapping)}.")
    return {
        role: [row[place] if place < len(row) else "" for row in negatives]
        for place, role in enumerate(negative_roles(most))
    }


def _numbered(
    source: object, mark: str, given: list[Any] | None, classes: tuple[str, ...], why: str
) -> tuple[list[float], tuple[str, ...]]:
    """Return labels as numbers, with their names; or scores as they are.

    Raises:
        InputError: When they do not differ, or there are too many labels.
    """
    if given is None:
        return [], ()
    if mark == SCORE:
        if len(set(given)) < 2:
            raise InputError(
                f"{source} has one score only, {given[0]:g}: at least 2 different ones are needed"
                f"{why}."
            )
        return given, ()
    found = tuple(sorted(set(given)))
    if not classes and len(found) > max(20, len(given) / 2):
        raise InputError(
            f"{source} has {len(found)} labels in {len(given)} rows, so they look like scores, not "
            "classes: use a method of scores (cosent), or fewer classes."
        )
    classes = classes or found
    if len(classes) < 2:
        raise InputError(
            f"{source} has one label only, '{classes[0]}': at least 2 are needed{why}."
        )
    return [classes.index(label) for label in given], classes


def _values(
    source: str,
    rows: Iterator[Row],
    mapping: dict[str, str],
    classes: tuple[str, ...],
    omitted: Omitted,
) -> Iterator[dict[str, Any]]:
    """Yield the values of each row by role, but for rows that are left out."""
    negatives = [column for role, column in mapping.items() if is_negative(role)]
    others = {role: column for role, column in mapping.items() if not is_negative(role)}
    texts = [name for name in others if name not in MARKS]
    listed, may_lack_one = Found(), len(negatives) > 1
    for number, row in rows:
        values: dict[str, Any] = {
            name: READ.get(name, text_of)(row, column, source, number)
            for name, column in others.items()
        }
        if is_listed(row.get(column) for name, column in others.items() if name in READ):
            listed.add(number)
        blank = [name for name in texts if not str(values[name]).strip()]
        if negatives:
            values[NEGATIVE] = [t for c in negatives for t in each_of(row, c, source, number)]
            may_lack_one |= isinstance(row.get(negatives[0]), list)
        if blank and len(texts) == 1:
            omitted.blank.add(number)
            continue
        if any(value is None for value in values.values()):
            omitted.unmarked.add(number)
            continue
        if blank:
            raise InputError(
                f"{source}, row {number} has no {blank[0]}: fill it, or take the row out."
            )
        if classes and LABEL in values and values[LABEL] not in classes:
            raise InputError(
                f"{source}, row {number}: label '{values[LABEL]}' is none of those trained on: "
                f"{', '.join(classes)}."
            )
        if negatives and not values[NEGATIVE]:
            omitted.without_negatives.add(number)
        yield values
    if omitted.without_negatives.rows and not may_lack_one:
        number = omitted.without_negatives.first[0]
        raise InputError(
            f"{source}, row {number} has no negative: fill it, or take the row out"
            f"{_without(mapping)}."
        )
    if listed.rows:
        logger.info("%s: of several texts in a list, only the first is read, in %d rows (%s).",
                    source, listed.rows, numbers(listed))  # fmt: skip


def _without(mapping: dict[str, str]) -> str:
    return f", or train on `columns={[mapping['anchor'], mapping['positive']]}`"
