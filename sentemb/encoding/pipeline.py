"""Stages that overlap: an item is made ahead of its user, and put away behind it."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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


def behind(work: Iterable[tuple[Item, Callable[[], object]]]) -> Iterator[Item]:
    """Finish each item in a thread while the next is worked on; yield it, in order, when finished.

    An item that was given is finished also where the work on the next one fails.

    Args:
        work: Items, and what finishes each.

    Example:
        >>> finished = []
        >>> [(n, finished[n]) for n in behind((n, lambda n=n: finished.append(n)) for n in (0, 1))]
        [(0, 0), (1, 1)]
    """
    before: tuple[Item, Future[object]] | None = None
    with ThreadPoolExecutor(1) as thread:
        for item, finish in work:
            if before is not None:
                yield _finished(*before)
            before = item, thread.submit(finish)
        if before is not None:
            yield _finished(*before)


def _finished(item: Item, future: Future[object]) -> Item:
    future.result()
    return item
