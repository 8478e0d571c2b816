"""The folder of many runs: what is to be run, and what came of those that are done."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentemb.errors import UsageError
from sentemb.storage import json_line, locked, replaced, require_utf8

LOCK, PLAN = ".lock", "plan.json"
OURS = ("results", "runs", "results.jsonl", "journal.log", PLAN)
"""What is taken away to start afresh: the plan last, so that it can be done again."""
Result = dict[str, Any]


@dataclass(frozen=True)
class Ledger:
    """Runs by name. One is done once its result is written, and never before.

    Args:
        folder: Holds ``plan.json``, ``results/`` and, while a run is unfinished, ``runs/``.
    """

    folder: Path

    def run(self, name: str) -> Path:
        """Return the folder that a run is trained in."""
        return self.folder / "runs" / name

    def result(self, name: str) -> Result | None:
        """Return what came of a run; None where it is not done."""
        path = self._path(name)
        if not path.exists():
            return None
        shutil.rmtree(self.run(name), ignore_errors=True)
        result: Result = json.loads(path.read_text(encoding="utf-8"))
        return result

    def commit(self, name: str, result: Result) -> None:
        """Write what came of a run, whole or not at all, and let go of its model."""
        _write(self._path(name), result)
        shutil.rmtree(self.run(name), ignore_errors=True)

    def write_lines(self, results: list[Result]) -> Path:
        """Write results as ``results.jsonl``."""
        path = self.folder / "results.jsonl"
        with replaced(path) as file:
            file.write("".join(map(json_line, results)).encode())
        return path

    def _path(self, name: str) -> Path:
        return self.folder / "results" / f"{name}.json"


def check_folder(folder: Path) -> None:
    """Raise unless runs may be kept in a folder; touches nothing.

    Raises:
        UsageError: When it holds something else.
    """
    require_utf8(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"Output '{folder}' is a file; a folder is needed.")
    unfinished = (LOCK, f"{PLAN}.partial")
    holds = folder.exists() and any(path.name not in unfinished for path in folder.iterdir())
    if holds and not (folder / PLAN).exists():
        raise UsageError(f"'{folder}' is not empty and holds no study: give another --output.")


@contextmanager
def opened(folder: Path, plan: Mapping[str, Any], *, overwrite: bool) -> Iterator[Ledger]:
    """Hold the folder of a plan: a new one, or one that was begun by the same plan.

    Args:
        folder: Of the runs.
        plan: Everything that the results depend on, by name.
        overwrite: Whether what an earlier plan left is taken away.

    Raises:
        LockedError: When another process holds it.
        UsageError: When it holds something else, or runs of another plan; shows the difference.
    """
    check_folder(folder)
    begun = (folder / PLAN).exists()
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCK, folder):
        if begun and overwrite:
            _clear(folder)
        elif begun:
            _require_the_same(folder, plan)
        _write(folder / PLAN, dict(plan))
        for part in ("results", "runs"):
            (folder / part).mkdir(exist_ok=True)
        yield Ledger(folder)


def _write(path: Path, content: dict[str, Any]) -> None:
    with replaced(path) as file:
        file.write((json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def _clear(folder: Path) -> None:
    for path in (folder / name for name in OURS):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _require_the_same(folder: Path, plan: Mapping[str, Any]) -> None:
    was = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    now = json.loads(json.dumps(plan))
    names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    if names:
        shown = "; ".join(
            f"{n} was {_shown(was.get(n))}, is now {_shown(now.get(n))}" for n in names
        )
        raise UsageError(
            f"'{folder}' holds other runs: {shown}. Give what was given then, another --output, or "
            "start afresh (--overwrite)."
        )


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
