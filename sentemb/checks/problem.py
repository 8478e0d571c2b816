"""What is wrong with rows."""

from dataclasses import dataclass
from typing import Literal

from sentemb.datasets.faults import Found


@dataclass(frozen=True)
class Problem:
    """Something wrong with rows, or with a whole file.

    Args:
        name: For machines.
        severity: ``error`` where training, evaluation or their numbers fail; else ``note``.
        message: For people.
        rows: How many; 0 where it is the file's.
        first: The numbers of the first five.
    """

    name: str
    severity: Literal["error", "note"]
    message: str
    rows: int = 0
    first: tuple[int, ...] = ()


def of_rows(
    name: str, severity: Literal["error", "note"], found: Found, message: str
) -> list[Problem]:
    """Return the problem that rows have, if there are any."""
    if not found.rows:
        return []
    return [Problem(name, severity, message, found.rows, tuple(found.first))]
