"""A checkpoint counts once ``COMMIT.json`` names every file of it, with size and hash."""

import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sentemb.storage import remove_tree, replaced, sync
from sentemb.storage.owned import LISTING, difference, enlist, print_of, read_owned
from sentemb.versions import versions

logger = logging.getLogger("sentemb")


COMMIT = LISTING
SCHEMA = "sentemb.checkpoint/1"
HASH = "sha256"
"""Of everything else in the commit."""
OF_A_RUN = "run"
"""The kind of a run's folder, in its manifest."""
KEPT = 2
"""Newest checkpoints that stay; the best one does, too."""


def step_of(checkpoint: Path) -> int | None:
    """Return the step in a checkpoint's name; None where it is not a checkpoint's.

    Example:
        >>> step_of(Path("checkpoint-20")), step_of(Path("checkpoint-20.incomplete"))
        (20, None)
    """
    found = re.fullmatch(r"checkpoint-(\d+)", checkpoint.name)
    return int(found[1]) if found else None


def commit(checkpoint: Path, conditions: Mapping[str, Any]) -> None:
    """Bring every file to the disk, and then the commit that names them.

    Args:
        checkpoint: A folder that is written to its end.
        conditions: What a run that resumes from it must not change.
    """
    files = {}
    for path in sorted(checkpoint.rglob("*")):
        if path.is_file() and path.name != COMMIT:
            files[path.relative_to(checkpoint).as_posix()] = print_of(path)
    content = {
        "schema": SCHEMA,
        "step": step_of(checkpoint),
        "files": files,
        "versions": versions(),
        "conditions": dict(conditions),
    }
    content[HASH] = _hash(content)
    sync_all(checkpoint)
    with replaced(checkpoint / COMMIT) as file:
        file.write((json.dumps(content, indent=1) + "\n").encode())
    readable(checkpoint)
    sync(checkpoint.parent)


def sync_all(folder: Path) -> None:
    """Bring a folder to the disk, and everything in it, readable by whom the umask lets read."""
    readable(folder)
    for path in [*folder.rglob("*"), folder]:
        sync(path)


def readable(folder: Path) -> None:
    """Give every file the mode of the umask; safetensors creates them with mode 0600."""
    umask = os.umask(0)
    os.umask(umask)
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o666 & ~umask)


def problem_of(checkpoint: Path) -> str | None:
    """Say what is wrong with a checkpoint; None where each file is the one that was committed."""
    if not (checkpoint / COMMIT).exists():
        return f"{COMMIT} is missing: it was not written to its end"
    try:
        files = read_commit(checkpoint)["files"].items()
        for name, expected in files:
            problem = difference(checkpoint / name, expected)
            if problem:
                return f"{name} {problem}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"{COMMIT} is damaged"
    return None


def read_commit(checkpoint: Path) -> dict[str, Any]:
    """Read the commit of a checkpoint.

    Raises:
        ValueError: When it is not a commit of this schema and step, or not as it was written.
    """
    content: dict[str, Any] = json.loads((checkpoint / COMMIT).read_text(encoding="utf-8"))
    parts = (content[name] for name in ("files", "conditions", "versions"))
    written = content.pop(HASH, None)  # earlier versions have none
    if written not in (None, _hash(content)):
        raise ValueError(f"{checkpoint / COMMIT} is not what was written: its hash differs.")
    ours = content["schema"] == SCHEMA and content["step"] == step_of(checkpoint)
    if not ours or not all(isinstance(part, dict) for part in parts):
        raise ValueError(f"{checkpoint / COMMIT} is not of this checkpoint.")
    return content


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _by_step(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest first, without links."""
    found = {path: step_of(path) for path in folder.glob("checkpoint-*") if not path.is_symlink()}
    steps = {path: step for path, step in found.items() if step}
    return sorted(steps, key=lambda path: -steps[path])


def committed(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder that have a commit, the newest first, by step."""
    return [path for path in _by_step(folder) if (path / COMMIT).exists()]


def newest_whole(folder: Path) -> Path | None:
    """Return the newest checkpoint that is whole; those after it are set aside, and named."""
    for link in sorted(folder.glob("checkpoint-*")):
        if link.is_symlink() and step_of(link) is not None:
            logger.warning("'%s' is not used: it is a link.", link)
    for checkpoint in _by_step(folder):
        problem = problem_of(checkpoint)
        if problem is None:
            return checkpoint
        aside = _free_name(checkpoint)
        if _is_listed(checkpoint):
            enlist(folder.parent, [f"{folder.name}/{aside.name}/"], OF_A_RUN)
        checkpoint.rename(aside)
        sync(folder)
        logger.warning("%s is not used and was renamed to %s: %s.", checkpoint, aside.name, problem)
    return None


def _is_listed(checkpoint: Path) -> bool:
    """Tell whether the manifest of the run lists a folder of its checkpoints."""
    owned = read_owned(checkpoint.parents[1])
    return bool(owned and f"{checkpoint.parent.name}/{checkpoint.name}/" in owned.files)


def _remove(checkpoint: Path) -> bool:
    """Remove a checkpoint, or what is left of one; tell whether it was a run's."""
    made_by_run = (checkpoint / COMMIT).exists() or _is_listed(checkpoint)
    if made_by_run or not any(checkpoint.iterdir()):
        remove_tree(checkpoint)
        return True
    return False


def remove_set_aside(folder: Path) -> None:
    """Delete what was set aside before the newest commit: that one has gone past it.

    Args:
        folder: Of the checkpoints.
    """
    whole = committed(folder)
    newest = step_of(whole[0]) if whole else None
    gone = []
    for path in sorted(folder.glob("checkpoint-*.incomplete*")):
        found = re.fullmatch(r"checkpoint-(\d+)\.incomplete(-\d+)?", path.name)
        is_folder = path.is_dir() and not path.is_symlink()
        past = newest is not None and found is not None and int(found[1]) <= newest
        if past and is_folder and _remove(path):
            gone.append(path.name)
    if gone:
        logger.info("Removed %s: %s is whole.", ", ".join(gone), whole[0].name)


def _free_name(checkpoint: Path) -> Path:
    number = 1
    aside = checkpoint.with_name(f"{checkpoint.name}.incomplete")
    while aside.exists():
        number += 1
        aside = checkpoint.with_name(f"{checkpoint.name}.incomplete-{number}")
    return aside


def good_checkpoints(folder: Path, proven: int) -> list[Path]:
    """Return the commits up to a step whose weights are known to give finite losses."""
    return [path for path in committed(folder) if (step_of(path) or 0) <= proven]


def rotate(folder: Path, best_step: int | None, proven: int = -1) -> None:
    """Delete all checkpoints but the newest ones, the best and the newest that is known to be good.

    By step, whatever the clock says.

    The commit goes first, so that what is left after a crash does not count. What was set aside
    goes, too, once the run has come past it.
    """
    kept = committed(folder)[:KEPT]
    newest = step_of(kept[0]) if kept else None
    kept += good_checkpoints(folder, proven)[:1]
    for checkpoint in _by_step(folder):
        step = step_of(checkpoint)
        if step is None or newest is None or step > newest:
            continue
        if checkpoint not in kept and step != best_step:
            _remove(checkpoint)
    remove_set_aside(folder)
