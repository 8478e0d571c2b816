"""What the columns of a file are for; the names are those that the readers know."""

from collections.abc import Sequence
from dataclasses import dataclass

from sentemb.datasets.layouts import shown
from sentemb.datasets.roles import (
    LABEL,
    MARKS,
    NAMES,
    NEGATIVE,
    SCORE,
    TEXT,
    column_of,
    columns_of,
    is_negative,
    negative_roles,
    unread_columns,
)
from sentemb.errors import InputError, nearest

TRIPLET, PAIR = ("anchor", "positive", "negative"), ("anchor", "positive")
TEXTS = (TRIPLET, PAIR, ("sentence1", "sentence2"), (TEXT,))
"""Layouts of texts, the fullest first."""


@dataclass(frozen=True)
class Columns:
    """The columns of a file by what they are for.

    Args:
        roles: Columns of texts by their roles, or by their names where those were given.
        label: Of classes.
        score: Of graded pairs.
        guessed: Whether no layout fits, so that all columns but those two are taken for texts.
        unread: Other columns that are named like a role, or nearly so.
    """

    roles: dict[str, str]
    label: str | None
    score: str | None
    guessed: bool = False
    unread: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The columns of texts, in the order of the layout, or as they were named."""
        return tuple(self.roles.values())

    def role(self, name: str) -> str | None:
        """Return the column that has a role, if there is one."""
        return self.roles.get(name)


def find_columns(present: Sequence[str], named: Sequence[str] | None, source: object) -> Columns:
    """Find out what the columns are for.

    Args:
        present: Their names.
        named: Those to look at, where not all.
        source: The file, in the words of an error.

    Raises:
        InputError: When one that was named is not there.
    """
    for column in named or ():
        if column not in present:
            raise InputError(
                f"{source}: its first row has no column '{column}'; it has {shown(present)}."
                f"{nearest(column, list(present))}"
            )
    chosen = list(present if named is None else named)
    label, score = (column_of(mark, chosen) for mark in MARKS)
    others = [column for column in chosen if column not in (label, score)]
    layout = next((found for each in TEXTS if (found := columns_of(each, others))), None)
    if named is not None or layout is None:
        by_name: dict[str, str] = {}
        for column in others:
            role = _role(column)
            if role == NEGATIVE:
                role = negative_roles(1 + sum(map(is_negative, by_name)))[-1]
            by_name[column if role in by_name else role] = column
        return Columns(by_name, label, score, guessed=named is None)
    taken = {*layout.values(), *(column for column in (label, score) if column)}
    return Columns(layout, label, score, unread=tuple(unread_columns(present, taken)))


def _role(column: str) -> str:
    """Return the role of a column that was named, or its name where it has none."""
    roles = (role for role in NAMES if role not in (LABEL, SCORE))
    return next((role for role in roles if column_of(role, [column])), column)
