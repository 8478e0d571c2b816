"""The files that a command made in a folder: listed before they are made, and removed alone."""

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from sentemb.errors import StorageError
from sentemb.storage.durable import replaced, sha256, sync

logger = logging.getLogger("sentemb")

MANIFEST = ".files.json"
LOCK = ".lock"
SCHEMA = "sentemb.files/1"
LISTING = "COMMIT.json"
"""In a listed folder, names the files of it."""
MODEL_LAST = ("modules.json", "config.json")
"""Written last and removed first, in this order: without `config.json` no folder is a model."""
Print = dict[str, Any]


@dataclass(frozen=True)
class Owned:
    """What a command made in a folder.

    Args:
        kind: Of the folder, as ``run``.
        files: By name, relative to the folder, with size and hash where they are known. A name
            that ends in ``/`` is a folder with everything in it.
        removing: Whether they are being removed.
    """

    kind: str
    files: Mapping[str, Print | None] = field(default_factory=dict)
    removing: bool = False


def read_owned(folder: Path) -> Owned | None:
    """Read the manifest of a folder; None where there is none, or a damaged one."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = {name: content["files"][name] for name in content["files"] if _is_inside(name)}
        if content["schema"] != SCHEMA:
            return None
        return Owned(str(content["kind"]), files, bool(content["removing"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


Files = Iterable[str] | Mapping[str, Print | None]


def claim(folder: Path, files: Files, kind: str) -> None:
    """List what is about to be made in a folder.

    Whatever has one of the names and was not listed before is not lost: it is renamed, and named
    in a warning.

    Args:
        folder: Exists.
        files: Names relative to the folder, as in `Owned`.
        kind: As in `Owned`.
    """
    known = read_owned(folder) or Owned(kind)
    for name in files:
        if name not in known.files:
            _make_way(folder, name)
    enlist(folder, files, kind)


def enlist(folder: Path, files: Files, kind: str) -> None:
    """List what a command made in a folder; folders that are gone are no longer listed."""
    known = read_owned(folder) or Owned(kind)
    new = files if isinstance(files, Mapping) else dict.fromkeys(files)
    left = {n: p for n, p in known.files.items() if not n.endswith("/") or (folder / n).is_dir()}
    _write(folder, Owned(kind, {**left, **new}))


def print_of(path: Path) -> Print:
    """Return the size and the hash of a file."""
    return {"size": path.stat().st_size, "sha256": sha256(path)}


def difference(path: Path, expected: Mapping[str, Any]) -> str | None:
    """Say in which way a file is not the one of a print; None where it is."""
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != expected["size"]:
        return f"has {path.stat().st_size} bytes, not {expected['size']}"
    return (
        None if sha256(path) == expected["sha256"] else "is not what was written: its hash differs"
    )


def damage(folder: Path) -> str | None:
    """Say which listed file of a known print is missing or another; None where all are there."""
    owned = read_owned(folder)
    for name, expected in owned.files.items() if owned else ():
        problem = difference(folder / name, expected) if expected else None
        if problem:
            return f"{name} {problem}"
    return None


def own_paths(folder: Path, owned: Owned) -> list[Path]:
    """Return the files of a list that are there, in the order of removal.

    What lies behind a link is left out: a link in the place of a folder is another's.
    """
    names = sorted(owned.files, key=_removal_order)
    return list(dict.fromkeys(path for name in names for path in _paths(folder, name)))


def remove_own(folder: Path) -> None:
    """Remove the listed files, and folders that are empty then; everything else stays.

    The manifest says so until all are gone, so that an interrupted removal can be finished.
    """
    owned = read_owned(folder)
    if owned is None:
        return
    _write(folder, replace(owned, removing=True))
    for path in own_paths(folder, owned):
        path.unlink(missing_ok=True)
    _prune_listed(folder, owned.files)
    _write(folder, Owned(owned.kind))


def remove_part(folder: Path, part: str) -> None:
    """Remove the listed files of one folder in a folder; everything else stays.

    Each file is listed by its name first. A removal that was interrupted can then be repeated, and
    never takes what others put there.

    Args:
        folder: Has a manifest.
        part: Name of the folder in it.
    """
    owned = read_owned(folder)
    files = owned.files if owned else {}
    listed = {name: files[name] for name in files if name.startswith(f"{part}/")}
    if owned is None or not listed:
        return
    rest = {name: files[name] for name in files if name not in listed}
    paths = own_paths(folder, replace(owned, files=listed))
    trees = [tree for name in listed if name.endswith("/") for tree in _folders(folder / name)]
    by_name = [path.relative_to(folder).as_posix() for path in paths]
    by_name += [f"{t.relative_to(folder).as_posix()}/" for t in trees if not any(t.iterdir())]
    _write(folder, replace(owned, files={**rest, **dict.fromkeys(by_name)}))
    for path in paths:
        path.unlink(missing_ok=True)
    _prune_listed(folder, [*listed, *by_name])
    _write(folder, replace(owned, files=rest))


def remove_tree(tree: Path) -> None:
    """Remove a folder that a command made: the files that its listing names, else all of them.

    The listing goes first: what is left by a crash does not count.
    """
    for path in _paths(tree.parent, f"{tree.name}/"):
        path.unlink(missing_ok=True)
        if path.name == LISTING:
            sync(tree)
    _prune(_folders(tree))


def remove_listed(tree: Path) -> None:
    """Remove what the manifest of a folder lists, and the folder where nothing else is in it."""
    if read_owned(tree) is not None or (tree.is_dir() and not any(tree.iterdir())):
        remove_tree(tree)


def _write(folder: Path, owned: Owned) -> None:
    content = {"schema": SCHEMA, "kind": owned.kind, "removing": owned.removing}
    text = json.dumps({**content, "files": dict(owned.files)}, indent=1) + "\n"
    try:
        with replaced(folder / MANIFEST) as file:
            file.write(text.encode())
    except OSError as error:
        raise StorageError(f"'{folder / MANIFEST}' could not be written: {error}.") from error


def _is_inside(name: str) -> bool:
    """Tell whether a name stays within its folder."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\0" not in name


def _removal_order(name: str) -> int:
    return -MODEL_LAST.index(name) if name in MODEL_LAST else 1


def _paths(folder: Path, name: str) -> Iterator[Path]:
    """Yield what there is of a listed name, never through a link."""
    path = folder / name
    if any(parent.is_symlink() for parent in _parents(path, folder)):
        return
    if not name.endswith("/"):
        for one in (path, path.with_name(f"{path.name}.partial")):
            if one.is_symlink() or one.is_file():
                yield one
    elif path.is_dir() and not path.is_symlink():
        yield from _listed(path) or sorted(p for p in _walk(path) if p.is_symlink() or p.is_file())


def _listed(tree: Path) -> list[Path]:
    """Return the files that the folder's manifest names, or its listing, that one first."""
    owned = read_owned(tree)
    if owned is not None:
        rest = (path for name in (LOCK, MANIFEST) for path in _paths(tree, name))
        return [*own_paths(tree, owned), *rest]
    try:
        content = json.loads((tree / LISTING).read_text(encoding="utf-8"))
        names = [name for name in content["files"] if _is_inside(name)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    return [path for name in (LISTING, *names) for path in _paths(tree, name.rstrip("/"))]


def _walk(tree: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(tree):
        for name in (*files, *folders):
            yield Path(place, name)


def _folders(tree: Path) -> set[Path]:
    if tree.is_symlink() or not tree.is_dir():
        return set()
    return {tree, *(path for path in _walk(tree) if path.is_dir() and not path.is_symlink())}


def _parents(path: Path, folder: Path) -> list[Path]:
    """Return the folders between a path and the folder it is listed in."""
    return list(path.parents)[: len(path.relative_to(folder).parts) - 1]


def _prune_listed(folder: Path, names: Iterable[str]) -> None:
    """Remove the folders of a list that are empty, and those that its files were in."""
    above = set()
    for name in names:
        if name.endswith("/"):
            _prune(_folders(folder / name))
        above.update(_parents(folder / name, folder))
    _prune(p for p in above if not any(one.is_symlink() for one in _parents(p, folder)))


def _prune(folders: Iterable[Path]) -> None:
    """Remove the folders that are empty, the innermost first."""
    for folder in sorted(folders, key=lambda path: -len(path.parts)):
        if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()


def _make_way(folder: Path, name: str) -> None:
    """Rename whatever stands where a file is about to be made."""
    path = folder / name
    blocked = [p for p in reversed(_parents(path, folder)) if p.is_symlink() or p.is_file()]
    for one in [*blocked, path]:
        if not os.path.lexists(one):
            continue
        kept = _free_name(one)
        one.rename(kept)
        logger.warning("'%s' was not made by this command: it is now called '%s'.", one, kept.name)


def _free_name(path: Path) -> Path:
    number = 1
    kept = path.with_name(f"{path.name}.kept")
    while os.path.lexists(kept):
        number += 1
        kept = path.with_name(f"{path.name}.kept-{number}")
    return kept
