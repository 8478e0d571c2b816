"""The label or the score of a row, and what stands for none.

A label is a text or a whole number. ``1``, ``1.0`` and ``"1.0"`` are the same label, since pandas
writes whole numbers with a point where a column has gaps; ``True`` is the label ``True``, as pandas
writes it. Spaces around a label do not matter.

There is no label where the value is blank or null, NaN, ``-`` (SNLI's gold label without a
majority) or -1 (as in hub data sets, and of every hidden test split of GLUE). The words ``none``
and ``NA`` are labels: data sets of stance, hate speech and relations have such a class.
"""

import math
import re
from typing import Any

from sentemb.datasets.files import text_of
from sentemb.errors import InputError

MISSING = {"", "-", "-1", "nan", "null", "<na>", "n/a"}
"""What stands for no label, in lower case."""


def is_missing(label: str) -> bool:
    """Tell whether a text stands for no label.

    Example:
        >>> [is_missing(label) for label in ("-1", "-1.0", " ", "NaN", "none", "0")]
        [True, True, True, True, False, False]
    """
    return _whole(label.strip()).lower() in MISSING


def label_of(row: dict[str, Any], column: str, source: object, number: int) -> str | None:
    """Return a row's label, a whole number as its digits; None where there is none.

    Raises:
        InputError: When it is something else; names the row.
    """
    value = row.get(column)
    if isinstance(value, float) and (math.isnan(value) or value.is_integer()):
        value = "nan" if math.isnan(value) else str(int(value))
    elif isinstance(value, int):
        value = str(value)
    elif not isinstance(value, str | None):
        raise InputError(
            f"{source}, row {number}: the label is {value!r}; a text or a whole number is needed."
        )
    label = text_of({column: value}, column, source, number)
    return None if is_missing(label) else _whole(label.strip())


def score_of(row: dict[str, Any], column: str, source: object, number: int) -> float | None:
    """Return a row's score; None where it is null or blank.

    Raises:
        InputError: When it is not a finite number; names the row.
    """
    value = row.get(column)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        if not isinstance(value, bool) and math.isfinite(score := float(value)):
            return score
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{source}, row {number}: score {value!r} is not a finite number.")


def _whole(label: str) -> str:
    """Return a whole number without its point."""
    return label.partition(".")[0] if re.fullmatch(r"[+-]?\d+\.0*", label, re.ASCII) else label
