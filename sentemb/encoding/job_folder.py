"""The folder of a job, beside its output: its files, and no others."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sentemb.encoding.manifest import FILE, Manifest
from sentemb.encoding.shards import Shard
from sentemb.errors import UsageError
from sentemb.storage import locked

LOCK = "lock"
SEEN = "texts.sqlite"
OURS = re.compile(
    rf"{re.escape(FILE)}|{LOCK}|{SEEN}|assembled\.\w+|\d{{8}}\.(safetensors|jsonl)(\.partial)?"
)
HALF = re.compile(rf"{SEEN}|assembled\.\w+|.*\.partial")
"""What a killed run leaves behind that no later one uses."""
OPEN = ".nfs"
"""NFS keeps a removed file under such a name for as long as a process has it open."""


def job_folder(output: Path, shard: Shard) -> Path:
    """Return the folder of an output's job, or of one shard of it."""
    of = f".{shard.number}-of-{shard.of}" if shard.of > 1 else ""
    return output.with_name(f"{output.name}{of}.parts")


def part_file(folder: Path, window: int) -> Path:
    """Return the file of a window's part."""
    return folder / f"{window:08}.safetensors"


@contextmanager
def job_held(folder: Path, output: Path) -> Iterator[None]:
    """Make a job's folder where there is none, and hold it for a while; remove it if nothing came.

    The folders above it are made, and removed again, likewise.

    Raises:
        UsageError: When what is in its place is not a job.
        LockedError: When another process holds it.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(
            f"'{folder}' is a file, but the work on '{output}' is kept in a folder of this name: "
            "move it, or give another output."
        )
    made = [parent for parent in folder.parents if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in _files(folder):
        if not OURS.fullmatch(path.name) or path.is_dir():
            raise UsageError(
                f"The work on '{output}' is kept in '{folder}', but that holds '{path.name}', "
                "which is not part of it: move it, or give another output."
            )
    try:
        with locked(folder / LOCK, output):
            for path in _files(folder):
                if HALF.fullmatch(path.name):
                    path.unlink()
            try:
                yield
            finally:
                if folder.is_dir() and Manifest(folder).is_empty:
                    remove(folder)
    finally:
        if folder.is_dir() and not _files(folder):
            _remove_empty(folder)  # on NFS the lock stood in the way until it was let go
        for parent in made:
            with suppress(OSError):  # what was written is there
                parent.rmdir()


def clear(folder: Path) -> None:
    """Remove what a job has, but for its lock."""
    for path in _files(folder):
        if path.name != LOCK:
            path.unlink()


def remove(folder: Path) -> None:
    """Remove a job, its manifest last but for the lock: until then it can be identified."""
    last = (FILE, LOCK)
    paths = sorted(_files(folder), key=lambda path: path.name in last and last.index(path.name) + 1)
    for path in paths:
        path.unlink()
    _remove_empty(folder)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(OPEN)]


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        if not any(folder.iterdir()):
            raise
