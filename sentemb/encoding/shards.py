"""A share of the windows of an input, for one of several machines."""

from dataclasses import dataclass
from typing import Self

from sentemb.errors import UsageError


@dataclass(frozen=True)
class Shard:
    """Every ``of``-th window, from the ``number``-th.

    Args:
        number: From 1 to ``of``.
        of: How many shards there are.

    Raises:
        UsageError: When the number is out of range.
    """

    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise UsageError(
                f"A shard is I/N with I from 1 to N, as 2/7; got {self.number}/{self.of}."
            )

    @classmethod
    def parse(cls, words: str) -> Self:
        """Read ``I/N``.

        Raises:
            UsageError: When it is something else.
        """
        number, _, of = words.partition("/")
        if not (number.isdecimal() and of.isdecimal()):
            raise UsageError(f"A shard is I/N with I from 1 to N, as 2/7; got '{words}'.")
        return cls(int(number), int(of))

    def __contains__(self, window: int) -> bool:
        return window % self.of == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"
