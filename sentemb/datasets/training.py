"""Training data: rows with the columns that a recipe reads, under fixed names."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from datasets import Dataset

from sentemb.datasets.faults import Faults
from sentemb.datasets.files import text_of
from sentemb.datasets.lines import Row
from sentemb.datasets.source import read_source
from sentemb.errors import InputError, nearest

Layout = tuple[str, ...]
ALIASES = {
    "text": "sentence",
    "anchor": "sent0",
    "positive": "sent1",
    "negative": "hard_neg",
    "sentence1": "premise",
    "sentence2": "hypothesis",
}
"""Other names of the columns: SimCSE's, and those of NLI and GLUE."""
LABEL = "label"
SCORE = "score"


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
    text is an error. Labels, strings or numbers, become 0, 1, … in the order of their names;
    scores stay the numbers they are.

    Args:
        source: A file (txt, csv, tsv, jsonl, parquet, each also .gz) or a hub data set.
        layouts: What the recipe can read, the fullest first; of each, other names do too.
        columns: Names in the file, in the order of a layout, where they are others.
        classes: The labels there are, where the rows are to be those of another file's.

    Raises:
        InputError: When no layout fits, or a row has a text missing or a label that is not among
            ``classes``; names the row.
    """
    faults = Faults()
    present, rows = read_source(source, faults=faults)
    mapping = _mapping(str(source), present, layouts, columns)
    data: dict[str, list[str]] = {name: [] for name in mapping}
    empty = 0
    known = {name for layout in layouts for name in (*layout, *map(_alias, layout))}
    for texts in _texts(str(source), rows, mapping, known - set(present), classes):
        if texts is None:
            empty += 1
            continue
        for name, text in zip(mapping, texts, strict=True):
            data[name].append(text)
    empty += faults.blank_lines.rows
    if not any(data.values()):
        raise InputError(f"{source} holds no row with text.")
    if SCORE in data:
        scores = [float(score) for score in data.pop(SCORE)]
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


def _alias(name: str) -> str:
    return ALIASES.get(name, name)


def _mapping(
    source: str, present: list[str], layouts: Sequence[Layout], columns: Sequence[str] | None
) -> dict[str, str]:
    """Map each fixed column name to its name in the file."""
    if columns is not None:
        missing = [column for column in columns if column not in present]
        if missing:
            raise InputError(
                f"{source} has no column '{missing[0]}'; it has {', '.join(present)}."
                + nearest(missing[0], present)
            )
        for layout in layouts:
            if len(layout) == len(columns):
                return dict(zip(layout, columns, strict=True))
    else:
        for layout in layouts:
            for names in (layout, tuple(map(_alias, layout))):
                if set(names) <= set(present):
                    return dict(zip(layout, names, strict=True))
    wanted = " or ".join(", ".join(layout) for layout in layouts)
    absent = [name for name in layouts[-1] if name not in (columns or present)]
    raise InputError(
        f"{source} has the columns {', '.join(columns or present)}; this method reads {wanted}"
        f"{' (missing: ' + ', '.join(absent) + ')' if absent else ''}. "
        f"Name yours in that order, as --columns {','.join('abc'[: len(layouts[-1])])}."
        + (nearest(absent[0], present) if absent else "")
    )


def _texts(
    source: str,
    rows: Iterator[Row],
    mapping: dict[str, str],
    ignored: set[str],
    classes: tuple[str, ...],
) -> Iterator[list[str] | None]:
    for number, row in rows:
        late = ignored & row.keys()
        if late:
            raise InputError(
                f"{source}, row {number} has a {min(late)}, which row 1 has not: give one in "
                "every row, or none."
            )
        if LABEL in mapping:
            label = _label(row.get(mapping[LABEL]), source, number)
            if classes and label not in (*classes, None):
                raise InputError(
                    f"{source}, row {number}: label '{label}' is none of those trained on: "
                    f"{', '.join(classes)}."
                )
            row = {**row, mapping[LABEL]: label}
        if SCORE in mapping:
            row = {**row, mapping[SCORE]: _score(row.get(mapping[SCORE]), source, number)}
        texts = [text_of(row, column, source, number) for column in mapping.values()]
        blank = [column for column, text in zip(mapping, texts, strict=True) if not text.strip()]
        if not blank:
            yield texts
        elif len(mapping) == 1:
            yield None
        else:
            raise InputError(
                f"{source}, row {number} has no {blank[0]}: fill it, or take the row out"
                + (", or train on --columns anchor,positive." if blank == ["negative"] else ".")
            )


def _label(value: object, source: str, number: int) -> str | None:
    if value == "-":
        raise InputError(
            f"{source}, row {number}: the label is '-', which in SNLI means that there is none: "
            "take such rows out."
        )
    if value is None or isinstance(value, str | int):
        return value if value is None else str(value)
    raise InputError(
        f"{source}, row {number}: the label is {value!r}; a text or a whole number is needed."
    )


def _score(value: object, source: str, number: int) -> str:
    try:
        if math.isfinite(float(value)):  # type: ignore[arg-type]
            return str(value)
    except (TypeError, ValueError):
        pass
    raise InputError(f"{source}, row {number}: score {value!r} is not a finite number.")
