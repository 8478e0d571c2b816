"""A folder that is there whole or not at all."""

import ctypes
import json
import os
import shutil
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sentemb.errors import UsageError
from sentemb.storage.durable import sync
from sentemb.storage.lock import locked
from sentemb.storage.owned import MANIFEST, enlist, read_owned

LOCK, NEW, OLD = "lock", "new", "old"
HERE, EXCHANGE = -100, 2
"""Linux's AT_FDCWD and RENAME_EXCHANGE."""


def check_output(folder: Path, record: str, *, overwrite: bool) -> None:
    """Raise unless a folder may be written here; touches nothing.

    Args:
        folder: What is to be written.
        record: The file by which an earlier one of its kind is known, as ``export.json``.
        overwrite: Whether an earlier one is to be replaced.

    Raises:
        UsageError: When the folder holds something that is not to be lost.
    """
    kind = record.partition(".")[0]
    require_utf8(folder)
    if os.path.lexists(folder) and not folder.is_dir():
        raise UsageError(f"Output '{folder}' is a file; a folder is needed.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    earlier = _is_record(folder / record)
    if overwrite and not earlier:
        raise UsageError(f"'{folder}' is not empty and holds no {kind} of sentemb: not replaced.")
    if not overwrite:
        way = f", or replace its {kind} with `overwrite=True`" if earlier else ""
        why = "" if earlier else f"; it holds no {kind} of sentemb that could be replaced"
        raise UsageError(f"Output folder '{folder}' is not empty: give another{way}{why}.")


def require_utf8(folder: Path) -> None:
    """Raise unless a path is UTF-8, as the libraries that write models need it to be.

    Raises:
        UsageError: When it is not; its parents count.
    """
    try:
        os.path.realpath(folder).encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"The name of output folder '{folder}' is not UTF-8, so models cannot be written to "
            "it: give another."
        ) from error


@contextmanager
def whole_folder(folder: Path, record: str, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a folder beside to write into; it takes its place, and its name, at the end.

    The work is done in a folder of the same name and ``.partial``. An earlier version keeps its
    name until the new one is on the disk; then the two are exchanged in one step, or, where the
    file system cannot do that, in two, which the next call completes.

    Args:
        folder: What is to be written.
        record: As in `check_output`.
        overwrite: Whether an earlier version is replaced.

    Raises:
        UsageError: When the folder, or the one beside it, holds something else.
        LockedError: When another process writes the same folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     with whole_folder(Path(place, "a"), "b.txt") as new:
        ...         _ = (new / "b.txt").write_text("whole")
        ...     print(sorted(path.name for path in Path(place).rglob("*")))
        ['.files.json', 'a', 'b.txt']
    """
    folder = Path(os.path.realpath(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(f"{folder.name}.partial")
    _check_beside(beside, folder)
    beside.mkdir(exist_ok=True)
    with locked(beside / LOCK, folder):
        try:
            _recover(beside, folder)
            check_output(folder, record, overwrite=overwrite)
            new = beside / NEW / folder.name
            new.mkdir(parents=True)
            yield new
            made = [str(path.relative_to(new)) for path in new.rglob("*") if not path.is_dir()]
            enlist(new, made, record)
            check_output(folder, record, overwrite=overwrite)
            if folder.exists():
                _keep_what_is_not_ours(folder, new, made)
            for path in [*new.rglob("*"), new]:
                sync(path)
            check_output(folder, record, overwrite=overwrite)
            _put_in_place(new, folder, beside / OLD)
        finally:
            _recover(beside, folder)
            (beside / LOCK).unlink()
            with suppress(OSError):  # another process has come, or NFS still shows the lock
                beside.rmdir()
    with suppress(OSError):
        beside.rmdir()


def _check_beside(beside: Path, folder: Path) -> None:
    if os.path.lexists(beside) and not beside.is_dir():
        raise UsageError(
            f"'{beside}' is a file, but '{folder}' is written in a folder of this name first: "
            "move it, or give another output."
        )
    for path in beside.iterdir() if beside.exists() else ():
        if path.name not in (LOCK, NEW, OLD) and not path.name.startswith(".nfs"):
            raise UsageError(
                f"'{folder}' is written in '{beside}' first, but that holds '{path.name}', which "
                "is not part of it: move it, or give another output."
            )


def _is_record(path: Path) -> bool:
    """Tell whether a file is a record that sentemb wrote."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return str(content["schema"]).startswith("sentemb.")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _keep_what_is_not_ours(folder: Path, new: Path, made: Collection[str]) -> None:
    """Take files that were put into an earlier version into the new one.

    Raises:
        UsageError: When a new file has the name of one, or an earlier version did not list its own.
    """
    owned = read_owned(folder)
    ours = {MANIFEST, *(owned.files if owned else made)}
    found = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    for name in sorted({str(path.relative_to(folder)) for path in found} - ours):
        if owned is None or name in made:
            raise UsageError(
                f"'{folder}' holds '{name}', which an overwritten version would lose: move it, or "
                "give another output."
            )
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        if (folder / name).is_symlink():
            (new / name).symlink_to(os.readlink(folder / name))
        else:
            shutil.copy2(folder / name, new / name)


def _put_in_place(new: Path, folder: Path, old: Path) -> None:
    """Give a folder its name; an earlier one of that name is then in the place of either."""
    if not folder.exists():
        os.replace(new, folder)
    elif not _exchanged(new, folder):
        os.replace(folder, old)
        os.replace(new, folder)
    sync(folder.parent)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, where the system can."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    return bool(rename and rename(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0)


def _recover(beside: Path, folder: Path) -> None:
    """Give an earlier version its name back where there is no other; remove what is left over."""
    old = beside / OLD
    if old.is_dir() and not folder.exists():
        os.replace(old, folder)
    for path in (old, beside / NEW):
        if path.is_dir():
            shutil.rmtree(path)
