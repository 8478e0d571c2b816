"""From the words of an ``evaluate`` command to tasks: suites, and files of one's own."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from sentemb.bundled import bundled
from sentemb.datasets.files import READERS
from sentemb.datasets.labelled import read_clustering, read_pair_classification, read_transfer
from sentemb.datasets.lines import suffixes_of
from sentemb.datasets.retrieval import read_retrieval, retrieval_files
from sentemb.datasets.sts import read_sts
from sentemb.errors import InputError, UsageError, unknown
from sentemb.evaluation import STS, Retrieval, Task
from sentemb.suites import SUITES, Chosen, missing_from, read_suite

from . import console

OWN = "own"
"""The suite of files that an option names."""
IdenticalIds = Literal["auto", "drop", "keep"]
"""Whether the document of a query's id is ranked for it; auto: unless it has the query's text."""
READ: dict[str, Callable[[Path], Task]] = {
    "sts": read_sts,
    "transfer": read_transfer,
    "retrieval": read_retrieval,
    "clustering": read_clustering,
    "pairs": read_pair_classification,
}


@dataclass(frozen=True)
class Tasks:
    """What models are scored on.

    Args:
        chosen: The tasks, no two of one name.
        missing: A line a suite on what of it is not there.
    """

    chosen: Sequence[Chosen]
    missing: Sequence[str] = field(default_factory=list)

    def complete(self) -> list[str]:
        """Return the suites of several tasks that are there whole, so that their mean counts."""
        incomplete = {line.split("'")[1] for line in self.missing}
        suites = dict.fromkeys(one.suite for one in self.chosen)
        return [suite for suite in suites if suite != OWN and suite not in incomplete]


def files_of(
    words: Sequence[str], given: Mapping[str, list[Path]]
) -> tuple[list[str], dict[str, list[Path]]]:
    """Tell models from the further files of an option, which typer takes for arguments.

    Raises:
        UsageError: When a file stands where no option says what it holds.
    """
    files = [word for word in words if _is_file(word)]
    models = [word for word in words if word not in files]
    options = [name for name, paths in given.items() if paths]
    if files and not models:
        raise UsageError(
            f"'{files[0]}' is a file; the model comes first: evaluate MODEL --sts FILE…"
        )
    if files and len(options) != 1:
        raise UsageError(
            f"'{files[0]}' is a file; say what it holds by an option of its own: "
            f"{', '.join('--' + name for name in given)}."
        )
    more = {options[0]: list(map(Path, files))} if files else {}
    return models, {name: [*paths, *more.get(name, [])] for name, paths in given.items()}


def _is_file(word: str) -> bool:
    path = Path(word)
    return path.is_file() or (not path.is_dir() and any(s in READERS for s in suffixes_of(path)))


def tasks_of(
    suites: Sequence[str],
    folder: Path | None,
    own: Mapping[str, list[Path]],
    identical_ids: str = "auto",
) -> Tasks:
    """Read the tasks of suites and of files; the bundled pairs where none is named.

    Raises:
        UsageError: When a suite is unknown, or what to do with identical ids.
        InputError: When the files of a suite are missing, or one is not as it should be.
    """
    if identical_ids not in get_args(IdenticalIds):
        raise UsageError(unknown("--identical-ids", identical_ids, list(get_args(IdenticalIds))))
    for suite in suites:
        if suite not in SUITES:
            raise UsageError(unknown("suite", suite, list(SUITES)))
    chosen = [
        Chosen(OWN, READ[kind](path), retrieval_files(path) if path.is_dir() else [path])
        for kind, paths in own.items()
        for path in paths
    ]
    if not (chosen or suites):
        path = bundled("graded.tsv")
        console.log("graded pairs: bundled graded.tsv")
        chosen = [Chosen(OWN, read_sts(path), [path])]
    read = [_suite(name, folder) for name in dict.fromkeys(suites)]
    chosen = [*(task for suite in read for task in suite.tasks), *chosen]
    names = [one.task.name for one in chosen]
    tasks = [_ranked(_named(one, names), identical_ids) for one in chosen]
    for one in tasks:
        if one.note:
            console.log(f"{one.note}.")
        if isinstance(one.task, STS) and one.task.ungraded:
            console.log(f"{one.task.name}: {one.task.ungraded} rows without a score left out")
    missing = [suite.missing for suite in read if suite.missing]
    for line in missing:
        console.log(line)
    return Tasks(tasks, missing)


def _suite(name: str, folder: Path | None) -> Any:
    if folder is None:
        no_folder = "no --data-folder is given and SENTEMB_DATA is not set, so it"
        raise InputError(missing_from(name, SUITES[name], no_folder))
    if not folder.is_dir():
        raise InputError(f"No folder '{folder}'. {missing_from(name, SUITES[name], 'It')}")
    return read_suite(name, SUITES[name], folder)


def _ranked(one: Chosen, identical_ids: str) -> Chosen:
    """Say of a retrieval task which documents it ranks, and note what it does not."""
    task = one.task
    if not isinstance(task, Retrieval):
        return one
    if identical_ids != "auto":
        task = replace(task, not_ranked=frozenset(task.queries if identical_ids == "drop" else ()))
    notes = [note for note in (one.note, task.note()) if note]
    return replace(one, task=task, note="; ".join(notes))


def _named(one: Chosen, names: Sequence[str]) -> Chosen:
    if names.count(one.task.name) == 1:
        return one
    task: Any = one.task
    file = os.fspath(one.files[0])
    name = file if one.suite == OWN else f"{one.suite} {file}"
    return replace(one, task=replace(task, name=name))
