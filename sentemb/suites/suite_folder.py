"""Which tasks of a suite a folder has the files of, and where to get the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sentemb.errors import InputError
from sentemb.evaluation import Task

ROOTS = ("", "sts/senteval", "cls/senteval")
"""Where in a folder SentEval's own may lie; it may also be that folder."""


@dataclass(frozen=True)
class Source:
    """A task of a suite and the files it is read from.

    Args:
        name: Of the task; of several sources of one name the first is used that is there.
        files: All that are needed, relative to the folder.
        read: From the name and the files to the task.
        where: They can be had.
        note: What is not as the name says, for where files of another set stand in.
    """

    name: str
    files: Sequence[str]
    read: Callable[[str, Sequence[Path]], Task]
    where: str
    note: str = ""

    def find(self, folder: Path) -> list[Path]:
        """Return the files, or nothing where one is missing."""
        found = [
            next((folder / root / name for root in ROOTS if (folder / root / name).exists()), None)
            for name in self.files
        ]
        present = [path for path in found if path is not None]
        return present if len(present) == len(found) else []


@dataclass(frozen=True)
class Chosen:
    """A task to score models on.

    Args:
        suite: Its suite, or the kind of a user's own file.
        task: The task.
        files: What it was read from.
        note: What is not as its name says.
    """

    suite: str
    task: Task
    files: Sequence[Path]
    note: str = ""


@dataclass(frozen=True)
class Suite:
    """What a folder holds of a suite.

    Args:
        name: Of the suite.
        tasks: Those whose files are there.
        missing: One line on the others: which they are, and where to get them; "" if there is none.
    """

    name: str
    tasks: Sequence[Chosen]
    missing: str


def read_suite(name: str, sources: Sequence[Source], folder: Path) -> Suite:
    """Read the tasks of a suite that a folder has.

    Raises:
        InputError: When it has none, or a file is not as it should be.
    """
    tasks: dict[str, Chosen] = {}
    for source in sources:
        if source.name not in tasks and (files := source.find(folder)):
            task = source.read(source.name, files)
            tasks[source.name] = Chosen(name, task, files, source.note)
    absent = [source for source in sources if source.name not in tasks]
    missing = f"Suite '{name}': '{folder}' has no {files_of(absent)}." if absent else ""
    if not tasks:
        raise InputError(missing)
    return Suite(name, list(tasks.values()), missing)


def files_of(sources: Sequence[Source]) -> str:
    """List in one line the tasks, the first file of each, and where to get it."""
    wanted: dict[str, list[str]] = {}
    for source in {source.name: source for source in reversed(sources)}.values():
        more = ", …" if len(source.files) > 1 else ""
        wanted.setdefault(source.where, []).insert(0, f"{source.name} ({source.files[0]}{more})")
    return "; ".join(f"{', '.join(names)}: get from {url}" for url, names in wanted.items())
