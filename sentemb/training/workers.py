"""Processes that tokenise ahead, and what is said when one of them dies."""

from collections.abc import Iterator
from contextlib import contextmanager

from sentemb.errors import OutOfMemoryError


@contextmanager
def dead_workers_told() -> Iterator[None]:
    """Name the likely cause where a worker of a data loader was killed.

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
            f"A process that tokenises ahead died ({words.rstrip('. ')}), most likely because "
            "memory ran out. Give fewer workers, or 0, and resume from the last checkpoint."
        ) from error
