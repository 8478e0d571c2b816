"""What a task says of a model: numbers, and what they were made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from sentemb.types import Encode

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """A model's numbers on a task.

    Args:
        numbers: By name; the task's main one is what ``score`` gives for all items.
        items: What is scored, a row for each pair, query or text, ``[items, columns]``: rows can
            be drawn again, so that a difference between two models has an interval.
        score: From items to the main number.
    """

    numbers: dict[str, float]
    items: Numbers
    score: Callable[[Numbers], float]


class Task(Protocol):
    """Something to score an encoder on.

    Attributes:
        main: The number of an outcome that models are compared by.
        unit: What an item is, in the plural.
    """

    main: ClassVar[str]
    unit: ClassVar[str]

    @property
    def name(self) -> str:
        """What to call it."""

    def outcome(self, encode: Encode) -> Outcome:
        """Score an encoder."""


def percent_mean(items: Numbers) -> float:
    """Return the mean of the first column, × 100."""
    return 100 * float(items[:, 0].mean())
