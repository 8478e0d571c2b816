"""A folder that is there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sentemb.errors import UsageError


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
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"Output '{folder}' is a file; a folder is needed.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if overwrite and not (folder / record).is_file():
        raise UsageError(f"'{folder}' is not empty and holds no {kind} of sentemb: not replaced.")
    if not overwrite:
        raise UsageError(
            f"Output folder '{folder}' is not empty: give another, or replace an earlier {kind} "
            "with --overwrite."
        )


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder beside to write into; it takes its place, and its name, at the end.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     with whole_folder(Path(place, "a")) as new:
        ...         _ = (new / "b.txt").write_text("whole")
        ...     print(sorted(path.name for path in Path(place).rglob("*")))
        ['a', 'b.txt']
    """
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f"{folder.name}.partial-", dir=folder.parent) as beside:
        new = Path(beside) / folder.name
        new.mkdir()
        yield new
        if folder.exists():
            os.replace(folder, Path(beside) / f"{folder.name}.old")
        os.replace(new, folder)
