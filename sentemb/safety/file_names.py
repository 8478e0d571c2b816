"""The files of a folder: none leads out of it, none can hang a reader, and configs are JSON."""

import json
from pathlib import Path, PureWindowsPath
from typing import Any

from sentemb.errors import InputError

LARGEST_CONFIG = 16 * 2**20
"""Bytes; the configs of large tokenizers have one or two million."""


def check_files(folder: Path, root: Path) -> None:
    """Raise where a name in a folder stands for something outside, or for no file or folder.

    Args:
        folder: Whose names are looked at, those in its folders not.
        root: What links may lead to, resolved.

    Raises:
        InputError: When one does; names it.
    """
    for entry in (folder, *sorted(folder.iterdir())):
        target = entry.resolve()
        if not target.is_relative_to(root):
            raise InputError(
                f"'{entry}' is a link to '{target}', outside of the model's folder: put a copy in "
                "its place where it belongs to the model."
            )
        if target.exists() and not (target.is_file() or target.is_dir()):
            raise InputError(f"'{entry}' is neither a file nor a folder: take it out of the model.")


def inside(name: object, said_by: Path) -> str:
    """Return a relative path that a file of a model names, if it stays inside.

    Raises:
        InputError: When it does not; names the file.
    """
    path = PureWindowsPath(name) if isinstance(name, str) else None  # knows / and \ and drives
    if path is None or path.anchor or ".." in path.parts or "\0" in str(name):
        raise InputError(
            f"'{said_by}' names {name!r}: a path inside of the model's folder is needed. The model "
            "is damaged or unsafe: do not use it."
        )
    return str(name)


def read_json(file: Path) -> Any:
    """Read a config.

    Raises:
        InputError: When it is not JSON, or far larger than a config.
    """
    if file.stat().st_size > LARGEST_CONFIG:
        raise InputError(
            f"'{file}' has {file.stat().st_size:,} bytes; a config has at most "
            f"{LARGEST_CONFIG:,}: the model is damaged or unsafe."
        )
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"'{file}' is not JSON ({error}): the model is damaged, fetch it again."
        ) from error
