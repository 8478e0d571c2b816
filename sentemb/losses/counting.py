"""How many candidates were left out as false negatives: for the log."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

_counts: ContextVar[list[Tensor] | None] = ContextVar("counts", default=None)


@contextmanager
def counting() -> Iterator[list[Tensor]]:
    """Collect, while losses are computed, how many candidates were no negatives of a row.

    For their text or their similarity; its own positive, and itself, do not count. The list stays
    empty where nothing is contrasted.
    """
    counts: list[Tensor] = []
    token = _counts.set(counts)
    try:
        yield counts
    finally:
        _counts.reset(token)


def count_as_masked(number: Tensor) -> None:
    """Add to what is counted, if it is."""
    counts = _counts.get()
    if counts is not None:
        counts.append(number.detach())
