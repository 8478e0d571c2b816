"""A file that is there is whole, also after a crash."""

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP)
"""What file systems say that cannot sync a folder."""


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """Write beside a file; sync, and rename over it at the end. On an error nothing is left.

    After a power cut the file may not be there, but it is not there in part; `replaced` is for what
    must be there.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """Write a file, whole or not at all, as `written`, and sync its name too.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with replaced(Path(folder, "a.txt")) as file:
        ...         _ = file.write(b"whole")
        ...     print(Path(folder, "a.txt").read_text())
        whole
    """
    with written(path) as file:
        yield file
    sync(path.parent)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    with replaced(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in UNSUPPORTED or not path.is_dir():
            raise
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """Return the hash of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
