"""What models are scored on: suites, the user's own files, and tasks made in Python."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from sentemb.bundled import bundled
from sentemb.datasets.in_memory import Container
from sentemb.datasets.labelled import read_clustering, read_pair_classification, read_transfer
from sentemb.datasets.retrieval import read_retrieval, retrieval_files
from sentemb.datasets.sts import read_sts
from sentemb.errors import InputError, UsageError, unknown
from sentemb.evaluation import STS, Retrieval, Task, TwoWayRetrieval
from sentemb.modalities.cells import metadata_of
from sentemb.modalities.two_way_tables import read_two_way
from sentemb.suites.catalogue import BUNDLED_SUITES, SUITES
from sentemb.suites.suite_folder import Chosen, Suite, files_of, read_suite

logger = logging.getLogger("sentemb")
OWN = "own"
"""The suite of tasks that belong to none."""
IdenticalIds = Literal["auto", "drop", "keep"]
"""Whether the document of a query's id is ranked for it; auto: unless it has the query's text."""
READ: dict[str, Callable[[Any], Task | list[TwoWayRetrieval]]] = {
    "sts": read_sts,
    "transfer": read_transfer,
    "retrieval": read_retrieval,
    "clustering": read_clustering,
    "pairs": read_pair_classification,
    "cross_modal": read_two_way,
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


def read_tasks(
    suites: Sequence[str],
    folder: Path | None,
    own: Mapping[str, Sequence[Path | Container]],
    identical_ids: str = "auto",
    given: Sequence[Task] = (),
) -> Tasks:
    """Read the tasks of suites and of files; the bundled graded pairs where none is named.

    Args:
        suites: Their names.
        folder: Holds the files of suites.
        own: Files, or rows in memory, by kind, a key of `READ`.
        identical_ids: Whether the document of a query's id is ranked for it.
        given: Tasks that are there already.

    Raises:
        UsageError: When a suite is unknown, or what to do with identical ids.
        InputError: When the files of a suite are missing, or one is not as it should be.
    """
    _require("identical_ids", identical_ids, get_args(IdenticalIds))
    for suite in suites:
        _require("suite", suite, tuple(SUITES))
    chosen = [
        one for kind, sources in own.items() for source in sources for one in _own(kind, source)
    ]
    chosen += [Chosen(OWN, task, []) for task in given]
    if not (chosen or suites):
        path = bundled("graded.tsv")
        logger.info("graded pairs: bundled graded.tsv")
        chosen = [Chosen(OWN, read_sts(path), [path])]
    read = [_suite(name, folder) for name in dict.fromkeys(suites)]
    chosen = [*(task for suite in read for task in suite.tasks), *chosen]
    names = [one.task.name for one in chosen]
    tasks = [_ranked(_named(one, names), identical_ids) for one in chosen]
    for one in tasks:
        if one.note:
            logger.info("%s.", one.note)
        if isinstance(one.task, STS) and one.task.ungraded:
            logger.info("%s: %d rows without a score left out", one.task.name, one.task.ungraded)
    missing = [suite.missing for suite in read if suite.missing]
    for line in missing:
        logger.info("%s", line)
    return Tasks(tasks, missing)


def _require(what: str, name: str, allowed: Sequence[str]) -> None:
    if name not in allowed:
        raise UsageError(unknown(what, name, list(allowed)))


def _own(kind: str, source: Path | Container) -> list[Chosen]:
    """Read tasks from the user's data; rows in memory are named by their kind."""
    if kind == "retrieval" and not isinstance(source, Path):
        raise UsageError("`retrieval` takes folders and files: write the rows into a table.")
    task: Any = READ[kind](source)
    files: list[Path] = []
    if isinstance(source, Path):
        is_beir = kind == "retrieval" and source.is_dir()
        files = retrieval_files(source) if is_beir else [Path(str(metadata_of(source)))]
    if kind == "cross_modal":
        return [Chosen(OWN, one, files) for one in task]
    return [Chosen(OWN, task if files else replace(task, name=kind), files)]


def _suite(name: str, folder: Path | None) -> Suite:
    if name in BUNDLED_SUITES:
        folder = bundled("")
    if folder is None:
        raise InputError(
            f"Suite '{name}' is read from a folder: give `data`, or set SENTEMB_DATA. Its files "
            f"are {files_of(SUITES[name])}."
        )
    if not folder.is_dir():
        raise InputError(
            f"No folder '{folder}' for the files of suite '{name}': give another `data`."
        )
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
    if not one.files:
        raise UsageError(f"Two tasks are called '{task.name}': give each its own name.")
    file = os.fspath(one.files[0])
    name = file if one.suite == OWN else f"{one.suite} {file}"
    if isinstance(task, TwoWayRetrieval):
        name += f" {'-'.join(task.sides)}"
    return replace(one, task=replace(task, name=name))
