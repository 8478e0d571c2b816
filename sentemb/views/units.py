"""What word and sub-word edits share: changes of a list of units, whatever the units are."""

from random import Random
from typing import TypeVar

Unit = TypeVar("Unit")


def repeat(units: list[Unit], rate: float, random: Random) -> list[Unit]:
    """Double k of n units in place, k uniform in 0 … max(2, ⌊rate · n⌋), at most n."""
    most = min(len(units), max(2, int(rate * len(units))))
    doubled = set(random.sample(range(len(units)), random.randint(0, most)))
    return [unit for i, unit in enumerate(units) for _ in range(2 if i in doubled else 1)]


def drop(units: list[Unit], rate: float, random: Random) -> list[Unit]:
    """Take ⌊rate · n⌋ of n units out; one is always left."""
    kept = random.sample(range(len(units)), _left(rate, len(units)))
    return [units[i] for i in sorted(kept)]


def crop(units: list[Unit], rate: float, random: Random) -> list[Unit]:
    """Keep n − ⌊rate · n⌋ neighbouring units, from a random place; at least one."""
    length = _left(rate, len(units))
    start = random.randint(0, len(units) - length)
    return units[start : start + length]


def _left(rate: float, count: int) -> int:
    return min(count, max(1, count - int(rate * count)))
