"""Out of memory: letting go of what a step held, and trying it again with less."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from sentemb.errors import OutOfMemoryError, is_out_of_memory

T = TypeVar("T")


class OutOfMemorySignal(Exception):  # noqa: N818
    """A step did not fit; without the frames that hold what filled the memory."""


@contextmanager
def running_out_told() -> Iterator[None]:
    """Let go of what a step held when it ran out of memory, and say so.

    Raises:
        OutOfMemorySignal: In the place of what torch raised.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        reason = " ".join(str(error).split())[:120]
    else:
        return
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    raise OutOfMemorySignal(reason)


@contextmanager
def enough_for(what: str, advice: str) -> Iterator[None]:
    """Translate a lack of memory for something that cannot be divided.

    Args:
        what: Was to be computed.
        advice: What to do.

    Raises:
        OutOfMemoryError: In the place of what torch raised.
    """
    try:
        with running_out_told():
            yield
    except OutOfMemorySignal as error:
        raise OutOfMemoryError(f"Out of memory for {what} ({error}): {advice}") from None


def repeated_with_less(attempt: Callable[[], T], lessen: Callable[[str], None]) -> T:
    """Repeat an attempt that did not fit, each time after making it smaller.

    Args:
        attempt: What may run out of memory.
        lessen: Makes the next attempt smaller, given the reason; raises where it cannot be.
    """
    while True:
        try:
            with running_out_told():
                return attempt()
        except OutOfMemorySignal as error:
            lessen(str(error))


@contextmanager
def dead_workers_told(goes_on_from: Callable[[], str] = str) -> Iterator[None]:
    """Name the likely cause where a worker of a data loader was killed.

    Args:
        goes_on_from: Describes what a resumed run starts from.

    Raises:
        OutOfMemoryError: The system kills processes when memory runs out; other causes are rare.
    """
    try:
        yield
    except RuntimeError as error:
        words = str(error).partition("\n")[0]
        if "DataLoader worker" not in words:
            raise
        raise OutOfMemoryError(
            f"A process that tokenizes ahead died ({words.rstrip('. ')}), most likely because "
            f"memory ran out: give fewer `workers`, or 0, and `resume=True`. "
            f"{goes_on_from()}".rstrip()
        ) from error
