"""Rows by the layout that their columns fit: which column is which."""

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence

from sentemb.datasets.faults import Faults
from sentemb.datasets.lines import Row
from sentemb.datasets.roles import (
    LABEL,
    NEGATIVE,
    SCORE,
    TEXT,
    column_of,
    columns_of,
    has_role,
    unread_columns,
    with_width,
)
from sentemb.datasets.source import Source, read_source
from sentemb.errors import InputError, nearest
from sentemb.values import as_names

Layout = tuple[str, ...]
INPUTS: Sequence[Layout] = (("sentence1", "sentence2"), ("text",))
"""Of what a classifier is asked about."""
LABELLED: Sequence[Layout] = (("sentence1", "sentence2", "label"), ("text", "label"))
SCORED: Sequence[Layout] = (("sentence1", "sentence2", "score"), ("text", "score"))
"""Of what a classifier, or a regression, is fine-tuned on."""
KINDS = {"text": "single texts", "sentence1": "pairs"}
logger = logging.getLogger("sentemb")
LAYOUTS: tuple[Layout, ...] = (
    ("anchor", "positive", NEGATIVE),
    ("sentence1", "sentence2", SCORE),
    ("sentence1", "sentence2", LABEL),
    ("anchor", "positive"),
    (TEXT, LABEL),
    (TEXT,),
)
"""What rows may be where no recipe says which it reads."""


def read_layout(
    source: Source,
    layouts: Sequence[Layout],
    columns: Sequence[str] | None = None,
    faults: Faults | None = None,
    also: Collection[str] = (),
) -> tuple[dict[str, str], Iterator[Row]]:
    """Return the fullest layout that a file has, from roles to its columns, and its rows.

    Columns that are named like a role, or nearly so, and are not read are named in the log.

    Args:
        source: A file of any format, also compressed, a hub data set, or rows in memory.
        layouts: What can be read, the fullest first; `sentemb.datasets.roles` has the names.
        columns: Names in the file, in the order of a layout, where they are others.
        faults: As in `read_source`.
        also: Further roles whose columns the caller reads.

    Raises:
        InputError: When no layout fits, or later, a row has a role's column that the first has not.
    """
    present, rows = read_source(source, faults=faults)
    columns = None if columns is None else as_names("columns", columns)
    mapping = _mapping(str(source), present, layouts, columns)
    if columns is None:
        others = {role: column for role in also if (column := column_of(role, present))}
        tell_unread(source, present, mapping | others)
    return mapping, _none_fuller(str(source), rows, set(present))


def kind_of(names: Collection[str]) -> str | None:
    """Say what rows with such columns are, if it is single texts or pairs.

    Example:
        >>> kind_of(["text", "label"]), kind_of(["sentence1", "sentence2"]), kind_of(["anchor"])
        ('single texts', 'pairs', None)
    """
    return next((kind for name, kind in KINDS.items() if name in names), None)


def tell_unread(source: object, present: Sequence[str], mapping: dict[str, str]) -> None:
    """Log which columns are named like a role, or nearly so, and are not read."""
    if unread := unread_columns(present, mapping.values()):
        logger.info("%s: columns not read: %s.", source, shown(unread))


def shown(names: Iterable[str]) -> str:
    r"""Write names of columns on one line, whatever is in them.

    Example:
        >>> shown(["a", "b\nc"])
        'a, b\\nc'
    """
    return ", ".join(name if name.isprintable() else ascii(name)[1:-1] for name in map(str, names))


def _mapping(
    source: str, present: list[str], layouts: Sequence[Layout], columns: Sequence[str] | None
) -> dict[str, str]:
    """Map each role to its column in the file."""
    if columns is not None:
        missing = [column for column in columns if column not in present]
        if missing:
            raise InputError(
                f"{source} has no column '{missing[0]}'; it has {shown(present)}."
                + nearest(missing[0], present)
            )
        for layout in layouts:
            if roles := with_width(layout, len(columns)):
                return dict(zip(roles, columns, strict=True))
    else:
        for layout in layouts:
            if found := columns_of(layout, present):
                return found
    wanted = " or ".join(", ".join(layout) for layout in layouts)
    absent = [name for name in layouts[-1] if column_of(name, columns or present) is None]
    raise InputError(
        f"{source} has the columns {shown(columns or present)}; needed are {wanted}"
        f"{' (missing: ' + ', '.join(absent) + ')' if absent else ''}."
        + _advice(layouts[-1], present)
        + (nearest(absent[0], present) if absent else "")
    )


def _advice(layout: Layout, present: Sequence[str]) -> str:
    """Say how to name this file's columns, where they can be typed."""
    found = {role: column_of(role, present) for role in layout}
    others = iter([name for name in present if name not in found.values()])
    names = [name or next(others, None) for name in found.values()]
    if not all(name and name.isprintable() and "," not in name for name in names):
        return ""
    return f" Name yours in that order, as `columns={list(map(str, names))}`."


def _none_fuller(source: str, rows: Iterator[Row], present: set[str]) -> Iterator[Row]:
    for number, row in rows:
        if late := late_columns(row, present):
            raise InputError(
                f"{source}, row {number} has a {late[0]}, but row 1 has none: give one in every "
                "row, or in no row."
            )
        yield number, row


def late_columns(row: Iterable[str], present: Collection[str]) -> list[str]:
    """Return the columns of a row that have a role and are not in the first row."""
    return sorted(name for name in row if name not in present and has_role(name))
