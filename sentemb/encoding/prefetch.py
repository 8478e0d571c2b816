"""One item ahead of its user."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Make the next item in a thread while the present one is used; in order, errors in place.

    Example:
        >>> list(ahead(range(3)))
        [0, 1, 2]
    """
    iterator = iter(items)
    nothing = object()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, iterator, nothing)
        while (item := coming.result()) is not nothing:
            coming = thread.submit(next, iterator, nothing)
            yield item  # type: ignore[misc]
