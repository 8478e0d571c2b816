"""The label or the score of a row."""

import math
from typing import Any

from sentemb.datasets.files import text_of
from sentemb.errors import InputError

NONE = ("-", "nan")
"""What stands for no label: SNLI's, and that of tables which were numbers."""


def label_of(row: dict[str, Any], column: str, source: object, number: int) -> str:
    """Return a row's label, a whole number as its digits; "" where there is none.

    Raises:
        InputError: When it is something else, or a word for none; names the row.
    """
    value = row.get(column)
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str | None):
        raise InputError(
            f"{source}, row {number}: the label is {value!r}; a text or a whole number is needed."
        )
    label = text_of(row, column, source, number)
    if label.strip().lower() in NONE:
        raise InputError(
            f"{source}, row {number}: the label is '{label}', which means that there is none: "
            "fill it, or take the row out."
        )
    return label


def score_of(row: dict[str, Any], column: str, source: object, number: int) -> float:
    """Return a row's score.

    Raises:
        InputError: When it is no finite number; names the row.
    """
    value = row.get(column)
    try:
        if not isinstance(value, bool) and math.isfinite(score := float(value)):  # type: ignore[arg-type]
            return score
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{source}, row {number}: score {value!r} is not a finite number.")
