"""Losses by name: ``ntxent``, ``flatnce:0.05``, ``infonce + 0.1*dimension-wise``."""

import math
import re
from typing import TYPE_CHECKING

from . import source
from .words import make, read, unknown

if TYPE_CHECKING:
    from sentemb.losses import Loss

MADE_OF_LOSSES = ("Sum", "EachSentence", "Matryoshka", "MaskSimilar")
NAMES = {
    "FlatNCEOneWay": "flatnce-one-way",
    "RDrop": "r-drop",
    "SupConIn": "supcon-in",
    "SupConOut": "supcon-out",
}
"""Of the losses whose names do not follow from those of their classes."""


def name_of(loss: str) -> str:
    """Return the name of a loss on the command line: ``SymmetricInfoNCE`` is symmetric-infonce."""
    return NAMES.get(loss) or re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "-", loss).lower()


LOSSES = {
    name_of(loss): loss
    for loss in source.imported("sentemb.losses")
    if loss not in (*MADE_OF_LOSSES, "Loss", "RowLoss", "Term")
}
WITHOUT_WEIGHT = ("hard-negative-weight=1", "hard-negative-weight=1.0")
EXAMPLE = "infonce+0.1*dimension-wise"


def make_loss(words: str) -> "Loss":
    """Make a loss from its words; ``A + 0.1*B`` is a weighted sum.

    Raises:
        UsageError: When a name or an option is unknown, or a value is out of range.
    """
    weights, names = zip(*_terms(words), strict=True)
    terms: tuple[Loss, ...] = tuple(
        make("sentemb.losses", LOSSES[_name(term)], _renamed(term)) for term in names
    )
    if len(terms) == 1 and weights == (1.0,):
        return terms[0]
    from sentemb.losses import Sum

    return Sum(terms, weights)


def check_loss(words: str) -> None:
    """Read the words of a loss without making it.

    Raises:
        UsageError: When a name or an option is unknown.
    """
    for _, term in _terms(words):
        read("sentemb.losses", LOSSES[_name(term)], _renamed(term))


def _terms(words: str) -> list[tuple[float, str]]:
    """Return the weight and the words of each term."""
    from sentemb.errors import UsageError

    written = [term.strip() for term in words.split("+")]
    if not all(written) or any(term.endswith("*") for term in written):
        raise UsageError(f"Loss '{words}': the name of a loss is missing; write it as {EXAMPLE}.")
    return [_weighted(term) for term in written]


def _weighted(term: str) -> tuple[float, str]:
    from sentemb.errors import UsageError

    weight, star, name = term.rpartition("*")
    if not star:
        return 1.0, name
    try:
        number = float(weight)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise UsageError(f"Loss '{term}': '{weight}' is no weight above 0; write it as 0.1*{name}.")
    return number, name.strip()


def _renamed(words: str) -> str:
    """Return words with the present name of a loss, where they have one of version 0.1."""
    name, _, written = words.partition(":")
    if name != "infonce" or "hard-negative-weight=" not in written:
        return words
    others = [o for o in written.split(",") if o not in WITHOUT_WEIGHT]
    if len(others) < len(written.split(",")):
        return f"infonce:{','.join(others)}" if others else "infonce"
    return f"weighted-infonce:{written}"


def _name(words: str) -> str:
    from sentemb.errors import UsageError

    name = _renamed(words).partition(":")[0]
    if name not in LOSSES:
        raise UsageError(unknown("loss", name, list(LOSSES)))
    return name
