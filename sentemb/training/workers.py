"""Processes that tokenise ahead, and what is said when one of them dies."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sentemb.errors import OutOfMemoryError


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
            f"memory ran out: give fewer --workers, or 0, and --resume. {goes_on_from()}".rstrip()
        ) from error
