"""What the columns of a file are for."""

from collections.abc import Sequence
from dataclasses import dataclass

from sentemb.errors import InputError, nearest

ROLES = {
    "text": ("text", "sentence"),
    "anchor": ("anchor", "sent0"),
    "positive": ("positive", "sent1"),
    "negative": ("negative", "hard_neg"),
    "sentence1": ("sentence1", "premise"),
    "sentence2": ("sentence2", "hypothesis"),
}
"""Columns of texts, and what they are called."""
LABEL, SCORE = "label", "score"
KNOWN = {LABEL, SCORE}.union(*ROLES.values())


@dataclass(frozen=True)
class Columns:
    """The columns of a file by what they are for.

    Args:
        texts: In the order of the file, or as they were named.
        label: Of classes.
        score: Of graded pairs.
        guessed: Whether no name was known, so that all columns but those two are taken for texts.
    """

    texts: tuple[str, ...]
    label: str | None
    score: str | None
    guessed: bool = False

    def role(self, name: str) -> str | None:
        """Return the column that has a role, if there is one."""
        return next((column for column in self.texts if column in ROLES[name]), None)


def columns_of(present: Sequence[str], named: Sequence[str] | None, source: object) -> Columns:
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
                f"{source}: its first row has no column '{column}'; it has {', '.join(present)}."
                f"{nearest(column, list(present))}"
            )
    chosen = list(named or present)
    label = LABEL if LABEL in chosen else None
    score = SCORE if SCORE in chosen else None
    others = tuple(column for column in chosen if column not in (LABEL, SCORE))
    if named:
        return Columns(others, label, score)
    texts = tuple(column for column in others if column in KNOWN)
    return Columns(texts or others, label, score, guessed=not texts)
