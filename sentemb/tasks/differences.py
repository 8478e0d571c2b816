"""What a vector hardly shows and a reader never overlooks: other numbers, one "not" more."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sentemb.views.eda import NEGATIONS

UNITS = (
    *("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred")
NUMBER_WORDS = {
    **{word: float(value) for value, word in enumerate(UNITS, start=2)},
    **{word: 10.0 * value for value, word in enumerate(TENS, start=2)},
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
}
"""English; "one" is left out, since it is a pronoun as often as a number."""
PART = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’]t\b)?")
Facts = tuple[tuple[float | str, ...], int]
"""The numbers of a text in ascending order, and how many negations it has."""


def facts_of(text: str) -> Facts:
    """Return the numbers of a text and the count of its negations.

    Digits count in every language, number words and negations in English.

    Example:
        >>> facts_of("Two of 1,000 didn't pay.") == facts_of("1000 people, and 2 did not pay.")
        True
        >>> facts_of("It is good.") == facts_of("It is not good.")
        False
    """
    parts = PART.findall(text.lower())
    numbers = [NUMBER_WORDS.get(part) or _number(part) for part in parts]
    negations = sum(part in NEGATIONS or part.endswith(("n't", "n’t")) for part in parts)
    return tuple(sorted((n for n in numbers if n is not None), key=str)), negations


def ids_of_facts(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return a number for each text, equal where `facts_of` is."""
    known: dict[Facts, int] = {}
    return np.array([known.setdefault(facts_of(text), len(known)) for text in texts], np.int64)


def _number(part: str) -> float | str | None:
    """Return the value of digits; digits as they are where they are no number, as 1.2.3."""
    if not part[0].isdigit():
        return None
    try:
        return float(part.replace(",", ""))
    except ValueError:
        return part
