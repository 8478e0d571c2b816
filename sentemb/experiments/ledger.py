"""The folder of many runs: what is to be run, and what came of those that are done."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentemb.errors import InputError, UsageError
from sentemb.storage import claim, json_line, locked, read_owned, remove_own, replaced, require_utf8
from sentemb.storage.owned import LOCK, MANIFEST, remove_listed

PLAN, LINES = "plan.json", "results.jsonl"
OF_A_STUDY = "study"
"""The kind of the folder, in its manifest."""
AFRESH = "start afresh (`overwrite=True`)."
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
        remove_listed(self.run(name))
        return _read(path)

    def commit(self, name: str, result: Result) -> None:
        """Write the result of a run, whole or not at all, and delete its model."""
        self.claim(f"results/{name}.json")
        _write(self._path(name), result)
        remove_listed(self.run(name))

    def claim(self, *names: str) -> None:
        """List files of the folder that are about to be made; only such are ever removed."""
        claim(self.folder, names, OF_A_STUDY)

    def write_lines(self, results: list[Result]) -> Path:
        """Write results as ``results.jsonl``."""
        self.claim(LINES)
        path = self.folder / LINES
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
    unfinished = (LOCK, f"{PLAN}.partial", f"{MANIFEST}.partial")
    holds = folder.exists() and any(path.name not in unfinished for path in folder.iterdir())
    if holds and not _is_study(folder):
        raise UsageError(f"'{folder}' is not empty and holds no study: give another `output`.")


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
    if overwrite and (folder / PLAN).exists() and read_owned(folder) is None:
        raise UsageError(
            f"The study in '{folder}' is of an earlier version, which did not list its files: "
            "continue it, or give another `output`."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCK, folder):
        owned = read_owned(folder)
        if owned and (overwrite or owned.removing):
            _clear(folder)
        elif (folder / PLAN).exists() or any(folder.glob("results/*.json")):
            _require_the_same(folder, plan)
        claim(folder, [PLAN], OF_A_STUDY)
        _write(folder / PLAN, dict(plan))
        for part in ("results", "runs"):
            (folder / part).mkdir(exist_ok=True)
        yield Ledger(folder)


def _write(path: Path, content: dict[str, Any]) -> None:
    with replaced(path) as file:
        file.write((json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def _is_study(folder: Path) -> bool:
    owned = read_owned(folder)
    if owned is not None:
        return owned.kind == OF_A_STUDY
    return (folder / PLAN).is_file() and (folder / "results").is_dir()  # of an earlier version


def _clear(folder: Path) -> None:
    """Remove the runs of an earlier plan, and what else was made for it."""
    for run in (folder / "runs").glob("*"):
        remove_listed(run)
    remove_own(folder)


def _read(path: Path) -> dict[str, Any]:
    """Read a plan or a result.

    Raises:
        InputError: When it is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is damaged: {error}: {AFRESH}") from error
    if not isinstance(content, dict):
        raise InputError(f"'{path}' is damaged: it holds no JSON object: {AFRESH}")
    return content


def _require_the_same(folder: Path, plan: Mapping[str, Any]) -> None:
    was = _read(folder / PLAN)
    now = json.loads(json.dumps(plan))
    names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    if names:
        shown = "; ".join(
            f"{n} was {_shown(was.get(n))}, is now {_shown(now.get(n))}" for n in names
        )
        raise UsageError(
            f"'{folder}' holds runs with other options: {shown}. Repeat the earlier options, give "
            "another `output`, or start afresh (`overwrite=True`)."
        )


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
