"""Graded pairs for STS evaluation."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sentemb.datasets.files import text_of
from sentemb.datasets.in_memory import Container
from sentemb.datasets.labels import score_of
from sentemb.datasets.layouts import shown, tell_unread
from sentemb.datasets.lines import Row
from sentemb.datasets.roles import column_of, columns_of
from sentemb.datasets.source import Source, as_source, read_source
from sentemb.errors import InputError, nearest
from sentemb.evaluation import STS

COLUMNS = ("sentence1", "sentence2", "score")
TUPLES = (COLUMNS, (*COLUMNS, "subset"))
Graded = tuple[str, str, float | None, str]
"""Two sentences, their score if they have one, and the subset or ""."""


def read_sts(*sources: Source | Container, name: str | None = None) -> STS:
    """Read one STS task from one file or several that belong together, or from rows in memory.

    The columns are ``sentence1, sentence2, score`` and, for the ``mean`` and ``wmean`` over
    subsets, ``subset``, which is also the order of a tuple's values. A row with an empty score is
    left out and counted, as SentEval does.

    Raises:
        InputError: When a column is missing, a score is not a finite number (names the row), or
            all scores are equal.
    """
    given = [as_source(source, TUPLES) for source in sources]
    graded = [row for source in given for row in _graded(source)]
    return sts_of(name or task_name(given[0]), graded)


def as_sts(data: STS | Source | Container, name: str = "dev") -> STS:
    """Return graded pairs of any kind as a task: a path, tuples, columns, a data frame.

    Args:
        data: What `read_sts` reads; or a task, anything that is called with an encoder, which is
            returned.
        name: The parameter that rows in memory were given as, which messages call them by.

    Raises:
        InputError: As `read_sts`.
    """
    if callable(data):
        return data
    return read_sts(as_source(data, TUPLES, name))


def task_name(source: Source) -> str:
    """Return the name of a file without folder and endings."""
    return Path(str(source)).name.removesuffix(".gz").rsplit(".", 1)[0]


def sts_of(name: str, rows: Sequence[Graded]) -> STS:
    """Make a task of graded pairs; those without a score are left out and counted.

    Raises:
        InputError: When there is none, or all scores are equal.
    """
    kept = [row for row in rows if row[2] is not None]
    if not kept:
        raise InputError(f"{name} holds no graded pair.")
    first, second, scores, subsets = zip(*kept, strict=True)
    return STS(
        name=name,
        sentences1=first,
        sentences2=second,
        scores=scores,
        subsets=subsets if any(subsets) else None,
        ungraded=len(rows) - len(kept),
    )


def graded_pair(row: dict[str, Any], source: object, number: int) -> Graded:
    """Return the sentences, score and subset of a row with the columns of `read_sts`.

    Raises:
        InputError: When a sentence is missing, or the score is not a finite number; names the row.
    """
    return (
        sentence_of(row, "sentence1", source, number),
        sentence_of(row, "sentence2", source, number),
        score_of(row, "score", source, number),
        str(row.get("subset") or ""),
    )


def _graded(source: Source) -> list[Graded]:
    rows = read_roles(source, [COLUMNS], "graded pairs", also=("subset",))[1]
    return [graded_pair(row, source, number) for number, row in rows]


def read_roles(
    source: Source,
    layouts: Sequence[tuple[str, ...]],
    what: str,
    also: Sequence[str] = (),
) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Return the roles of the first layout that a file has, and its rows by role.

    Args:
        source: A file, a hub data set with its split, or rows in memory.
        layouts: Roles of columns; see `sentemb.datasets.roles`.
        what: What the rows are, in the words of an error.
        also: Further roles, which a file need not have.

    Raises:
        InputError: When the file has none of the layouts; names the column that the last misses.
    """
    present, rows = read_source(source, split=None)
    mapping = next((found for layout in layouts if (found := columns_of(layout, present))), None)
    if mapping is None:
        roles = layouts[-1]
        absent = next((role for role in roles if column_of(role, present) is None), roles[-1])
        raise _no_column(source, absent, present, roles, what)
    more = {role: column for role in also if (column := column_of(role, present))}
    mapping |= more
    tell_unread(source, present, mapping)
    named = ((n, {role: row.get(name) for role, name in mapping.items()}) for n, row in rows)
    return tuple(mapping), named


def require(source: object, present: list[str], wanted: Sequence[str], what: str) -> None:
    """Check that a file has the columns that are needed.

    Raises:
        InputError: Names the first that is missing.
    """
    for column in wanted:
        if column not in present:
            raise _no_column(source, column, present, wanted, what)


def _no_column(
    source: object, column: str, present: list[str], wanted: Sequence[str], what: str
) -> InputError:
    return InputError(
        f"{source} has no column '{column}'; it has {shown(present)}, and {what} "
        f"need {', '.join(wanted)}.{nearest(column, present)}"
    )


def sentence_of(row: dict[str, Any], column: str, source: object, number: int) -> str:
    """Return a row's sentence.

    Raises:
        InputError: When there is none; names the row.
    """
    text = text_of(row, column, source, number)
    if not text.strip():
        raise InputError(f"{source}, row {number} has no {column}: fill it, or take the row out.")
    return text
