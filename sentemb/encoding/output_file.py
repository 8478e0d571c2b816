"""Where an output may be written."""

import os
from pathlib import Path

from sentemb.datasets.lines import COMPRESSED
from sentemb.encoding.job_folder import job_folder
from sentemb.encoding.manifest import Assembled, Manifest
from sentemb.encoding.shards import Shard
from sentemb.encoding.writers import SHOWS_TEXTS, WRITERS
from sentemb.errors import UsageError
from sentemb.storage import sha256


def check_output(path: Path, *, keep_columns: bool = False) -> None:
    """Raise unless a file of this name can be written.

    Args:
        path: Of the file; its folder need not be there.
        keep_columns: Whether it is to hold columns of the input.

    Raises:
        UsageError: When its suffix names no format, or one that does not hold columns; when it is a
            folder, or its folder is a file.
    """
    if path.suffix not in WRITERS:
        raise UsageError(f"Cannot write '{path}'; allowed endings: {', '.join(WRITERS)}.")
    if keep_columns and path.suffix not in SHOWS_TEXTS:
        raise UsageError(
            f"A {path.suffix} file holds vectors alone: with `keep_columns`, the name of the "
            f"output must end in {', '.join(SHOWS_TEXTS)}; got '{path}'."
        )
    nearest = next(folder for folder in path.parents if os.path.lexists(folder))
    if not nearest.is_dir():
        raise UsageError(f"'{nearest}' is not a folder: '{path.name}' cannot be written into it.")
    if path.is_dir():
        raise UsageError(f"Output '{path}' is a folder: give the name of a file.")


def output_for(
    source: str,
    output: str | None,
    shard: Shard,
    *,
    overwrite: bool,
    keep_columns: bool = False,
) -> Path:
    """Return the file to write, by default the input's name with ``.npy``.

    Raises:
        UsageError: When it cannot be written, is the input, or exists and no job for it was begun.
    """
    path = Path(output) if output else default_output(source)
    check_output(path, keep_columns=keep_columns)
    if path.exists() and path.resolve() == Path(source).resolve():
        raise UsageError(f"'{path}' is the input: give another `output`.")
    if path.exists() and not (overwrite or job_folder(path, shard).exists()):
        raise exists(path)
    return path


def default_output(source: str) -> Path:
    """Return the input's name with ``.npy``; of a folder, beside it.

    Example:
        >>> str(default_output("a.csv.gz")), str(default_output("runs/photos"))
        ('a.npy', 'runs/photos.npy')
    """
    path = Path(source)
    if path.is_dir():
        whole = path if path.name not in ("", "..") else path.resolve()
        return whole.with_name(f"{whole.name}.npy")
    return (path.with_suffix("") if path.suffix.lower() in COMPRESSED else path).with_suffix(".npy")


def spans_file(output: Path) -> Path:
    """Return the file beside a .npy one that says which rows and characters its vectors are of."""
    return output.with_suffix(".spans.npy")


def exists(path: Path) -> UsageError:
    """Return the message for an output that already exists."""
    return UsageError(f"Output '{path}' exists: give another `output`, or `overwrite=True`.")


def in_place(manifest: Manifest, output: Path) -> Assembled | None:
    """Return an output that is whole, where a run ended before it had removed its job."""
    assembled = manifest.assembled
    if assembled and output.is_file() and sha256(output) == assembled.sha256:
        return assembled
    return None
