"""One writer at a time."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from sentemb.errors import LockedError


@contextmanager
def locked(file: Path, output: Path) -> Iterator[None]:
    """Hold an output for a while; the system releases it when the process ends, however it ends.

    Args:
        file: The lock, which holds the process and host of its holder; it stays.
        output: What it stands for, in the words of an error.

    Raises:
        LockedError: At once, when another process holds it.
    """
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LockedError(
            f"Another run writes to '{output}' ({_holder(file)}): wait for it, or give another "
            "output."
        ) from None
    try:
        file.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def _holder(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip() or "unknown process"
    except OSError:
        return "unknown process"
