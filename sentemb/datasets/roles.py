"""What a column is for, by its name: the one list of names, for readers and checks alike.

Case and spaces around a name do not matter. Each role finds its column by itself, so names of
several conventions may stand in one file (``anchor, positive, hard_neg``).
"""

import difflib
import re
from collections.abc import Collection, Iterable, Sequence

TEXT, LABEL, SCORE, NEGATIVE = "text", "label", "score", "negative"
NAMES: dict[str, tuple[str, ...]] = {
    TEXT: ("text", "sentence"),
    "anchor": ("anchor", "sent0", "query", "question"),
    "positive": ("positive", "sent1", "pos", "answer", "passage", "document"),
    NEGATIVE: ("negative", "hard_neg", "hard_negative", "neg"),
    "sentence1": (
        *("sentence1", "premise", "text1", "sentence_a", "sent1", "question1", "#1 string"),
        *("question", "query"),
    ),
    "sentence2": (
        *("sentence2", "hypothesis", "text2", "sentence_b", "sent2", "question2", "#2 string"),
        *("answer", "passage", "document", "sentence"),
    ),
    LABEL: ("label", "labels", "gold_label", "is_duplicate", "quality"),
    SCORE: ("score", "similarity", "similarity_score", "relatedness_score"),
}
"""Roles, and the names of their columns, the first preferred: our own, then those of
sentence-transformers, SimCSE, FlagEmbedding, SNLI, SICK and the tasks of GLUE."""
MARKS = (LABEL, SCORE)
"""Roles of columns that hold no text."""
PAIRED = {"anchor", "anchors", "positive", "positives", "negative", "negatives", "neg", "negs"}
NO_TEXT = {"id", "ids", "idx", "index", "score", "scores"}
ALIKE = 0.82
"""The least similarity of a misspelt name to the one that is meant."""


def plain(name: str) -> str:
    """Return a column's name without what does not matter.

    Example:
        >>> plain(" Anchor ")
        'anchor'
    """
    return str(name).strip().casefold()


def column_of(role: str, present: Iterable[str]) -> str | None:
    """Return the column of a role, if there is one; of numbered negatives the first.

    Example:
        >>> column_of("negative", ["anchor", "negative_2", "Negative_1"])
        'Negative_1'
        >>> column_of("text", ["id", "label"])
    """
    columns = list(present)
    for name in NAMES.get(role, (role,)):
        if found := [column for column in columns if plain(column) == name]:
            return name if name in found else found[0]
    return next(iter(numbered_negatives(columns)), None) if role == NEGATIVE else None


def numbered_negatives(present: Iterable[str]) -> list[str]:
    """Return the columns of numbered negatives in the order of their numbers.

    Example:
        >>> numbered_negatives(["negative_10", "negative_2", "neg"])
        ['negative_2', 'negative_10']
    """
    numbers = {column: _number(column) for column in present}
    found = [column for column, number in numbers.items() if number is not None]
    return sorted(found, key=lambda column: numbers[column] or 0)


def negatives_of(present: Collection[str]) -> list[str]:
    """Return all columns of negatives: the one without a number first, then by their numbers.

    Example:
        >>> negatives_of(["anchor", "negative_3", "negative", "negative_2"])
        ['negative', 'negative_2', 'negative_3']
    """
    first = column_of(NEGATIVE, present)
    further = [column for column in numbered_negatives(present) if column != first]
    return further if first is None else [first, *further]


def negative_roles(count: int) -> list[str]:
    """Return the roles of so many negatives of a row.

    Example:
        >>> negative_roles(3)
        ['negative', 'negative_2', 'negative_3']
    """
    return [NEGATIVE, *(f"{NEGATIVE}_{number}" for number in range(2, count + 1))][:count]


def is_negative(role: str) -> bool:
    """Tell whether columns of a role hold negatives.

    Example:
        >>> is_negative("negative"), is_negative("negative_2"), is_negative("positive")
        (True, True, False)
    """
    return role == NEGATIVE or role.startswith(f"{NEGATIVE}_")


def with_width(layout: Sequence[str], width: int) -> tuple[str, ...] | None:
    """Return a layout of so many roles, with further negatives where it ends in one; or None.

    Example:
        >>> with_width(("anchor", "positive", "negative"), 4)
        ('anchor', 'positive', 'negative', 'negative_2')
        >>> with_width(("anchor", "positive"), 3)
    """
    further = width - len(layout)
    if further > 0 and layout[-1] == NEGATIVE:
        return (*layout[:-1], *negative_roles(further + 1))
    return None if further else tuple(layout)


def _number(column: str) -> int | None:
    name, number = re.fullmatch(r"(.*?)[_\- ]?(\d*)", plain(column), re.S).groups()  # type: ignore[union-attr]
    return int(number) if number and name in NAMES[NEGATIVE] else None


def columns_of(layout: Sequence[str], present: Collection[str]) -> dict[str, str] | None:
    """Return the column of each role of a layout; None where one has none.

    Where a layout has a negative, further ones follow.

    Example:
        >>> columns_of(("anchor", "positive"), ["query", "pos", "neg"])
        {'anchor': 'query', 'positive': 'pos'}
        >>> columns_of(("anchor", NEGATIVE), ["query", "neg_1", "neg_2"])
        {'anchor': 'query', 'negative': 'neg_1', 'negative_2': 'neg_2'}
    """
    found = {role: column_of(role, present) for role in layout}
    if len(set(found.values()) - {None}) < len(layout):
        return None
    if NEGATIVE in layout:
        columns = negatives_of(present)
        found |= dict(zip(negative_roles(len(columns)), columns, strict=True))
    return {role: column for role, column in found.items() if column is not None}


def has_role(name: str) -> bool:
    """Tell whether a column of this name has a role."""
    return any(plain(name) in names for names in NAMES.values()) or _number(name) is not None


def is_near(name: str) -> bool:
    """Tell whether a name nearly equals a role's column, so that one may be meant.

    Example:
        >>> [name for name in ("Negatve", "hard-neg", "neg_list", "id", "title") if is_near(name)]
        ['Negatve', 'hard-neg', 'neg_list']
    """
    words = re.findall(r"[^\W\d_]+", plain(name))
    if has_role(name) or not words or words[-1] in NO_TEXT:
        return False
    letters = _letters(name)
    known = {_letters(each) for names in NAMES.values() for each in names}
    return (
        bool(PAIRED & set(words))
        or letters.rstrip("s") in {each.rstrip("s") for each in known}
        or any(len(each) > 4 and _misspelt(letters, each) for each in known)
    )


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", plain(name))


def _misspelt(name: str, known: str) -> bool:
    swapped = name[:1] == known[:1] and sorted(name) == sorted(known)
    return swapped or difflib.SequenceMatcher(None, name, known).ratio() >= ALIKE


def unread_columns(present: Iterable[str], taken: Collection[str]) -> list[str]:
    """Return the columns that are named like a role, or nearly so, and are not read.

    A name that only resembles a label's or a score's counts if there is neither.

    Example:
        >>> unread_columns(["anchor", "positive", "negatve", "id"], ["anchor", "positive"])
        ['negatve']
    """
    marked = any(plain(column) in NAMES[mark] for mark in MARKS for column in taken)
    return [
        column
        for column in present
        if column not in taken
        and (has_role(column) or (is_near(column) and not (marked and _is_near_mark(column))))
    ]


def _is_near_mark(name: str) -> bool:
    letters = _letters(name).rstrip("0123456789s")
    return any(_misspelt(letters, _letters(each)) for mark in MARKS for each in NAMES[mark])
