"""Rows by the layout that their columns fit: which column is which."""

import os
from collections.abc import Collection, Iterator, Sequence

from sentemb.datasets.faults import Faults
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
KINDS = {"text": "single texts", "sentence1": "pairs"}


def read_layout(
    source: str | os.PathLike[str],
    layouts: Sequence[Layout],
    columns: Sequence[str] | None = None,
    faults: Faults | None = None,
) -> tuple[dict[str, str], Iterator[Row]]:
    """Return the fullest layout that a file has, from fixed names to its own, and its rows.

    Args:
        source: A file (txt, csv, tsv, jsonl, parquet, each also .gz) or a hub data set.
        layouts: What can be read, the fullest first; of each, other names do too.
        columns: Names in the file, in the order of a layout, where they are others.
        faults: As in `read_source`.

    Raises:
        InputError: When no layout fits, or later, a row has a column more of one than the first.
    """
    present, rows = read_source(source, faults=faults)
    mapping = _mapping(str(source), present, layouts, columns)
    known = {name for layout in layouts for name in (*layout, *map(_alias, layout))}
    return mapping, _none_fuller(str(source), rows, known - set(present))


def kind_of(names: Collection[str]) -> str | None:
    """Say what rows with such columns are, if it is single texts or pairs.

    Example:
        >>> kind_of(["text", "label"]), kind_of(["sentence1", "sentence2"]), kind_of(["anchor"])
        ('single texts', 'pairs', None)
    """
    return next((kind for name, kind in KINDS.items() if name in names), None)


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


def _none_fuller(source: str, rows: Iterator[Row], ignored: set[str]) -> Iterator[Row]:
    for number, row in rows:
        late = ignored & row.keys()
        if late:
            raise InputError(
                f"{source}, row {number} has a {min(late)}, which row 1 has not: give one in "
                "every row, or none."
            )
        yield number, row
