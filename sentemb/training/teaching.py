"""A teacher's vectors: computed once for every text of the data, and handed to the twin."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from sentemb.evaluation.disclosure import UNKNOWN, Disclosure, disclose
from sentemb.method import Method
from sentemb.runs.conditions import frozen_identity
from sentemb.runs.frozen_vectors import compute_vectors, open_vectors
from sentemb.runs.processes import refused_by_one
from sentemb.training.tokenised_rows import number_of
from sentemb.twins import Teacher, Twin

AT_ONCE = 1000
"""Rows of the data that are read at once."""


def teach(method: Method, rows: Dataset, folder: Path, conditions: Mapping[str, Any]) -> None:
    """Give a twin with a teacher its vectors of all texts, which are kept in the run's folder.

    The first process encodes each distinct text once; all map the file.

    Args:
        method: What is trained; without a teacher, nothing is done.
        rows: All rows, also those that are held out.
        folder: Of the run, which exists.
        conditions: Of the run, those of `condition_of_teacher` among them.

    Raises:
        SentembError: As `sentemb.encoding.encode_file` does.
    """
    teacher = method.twin.teacher
    if teacher is None:
        return
    column = method.views[0].column
    numbers, first = _distinct(rows, column)
    made_of = {
        "encoder": conditions["teacher"],
        "texts": f"{len(numbers):,} texts, sha256 {hashlib.sha256(numbers.tobytes()).hexdigest()}",
    }
    texts = _texts(rows.select_columns(column), first)
    refused_by_one(partial(compute_vectors, teacher.encoder, texts, made_of, folder, len(first)))
    if method.encoder.device.type != "cpu":
        teacher.encoder.to("cpu")  # it is done, and the student needs the memory
    method.twin.be_taught(numbers, open_vectors(folder))


def teach_few(method: Method, rows: Dataset) -> None:
    """Give a twin with a teacher its vectors of a few rows, in memory, to try them out."""
    teacher = method.twin.teacher
    if teacher is None:
        return
    texts = list(dict.fromkeys(rows[method.views[0].column]))
    vectors = np.asarray(teacher.encoder.encode(texts, show_progress_bar=False), dtype=np.float32)
    teacher.remember(np.array([number_of(text) for text in texts]), vectors)


def condition_of_teacher(twin: Twin) -> dict[str, str]:
    """Return what a resumed run must share of a teacher; empty where there is none."""
    return {} if twin.teacher is None else {"teacher": frozen_identity(twin.teacher.encoder)}


def record_of_teacher(twin: Twin) -> dict[str, Any]:
    """Return what ``run.json`` says of a teacher: its name, its hash, which labels it has seen."""
    if twin.teacher is None:
        return {}
    known = asdict(_disclosed(twin.teacher))
    identity = frozen_identity(twin.teacher.encoder)
    return {"teacher": {"model": twin.teacher.name, "weights": identity, **known}}


def paths_of_teacher(twin: Twin) -> list[str]:
    """Return where a teacher was loaded from, which its run must not remove."""
    return [] if twin.teacher is None else [path for path in (_path(twin.teacher),) if path]


def _disclosed(teacher: Teacher) -> Disclosure:
    path = _path(teacher)
    return disclose(Path(path)) if path else Disclosure(UNKNOWN)


def _path(teacher: Teacher) -> str:
    return str(getattr(teacher.encoder.tokenizer, "name_or_path", "") or "")


def _distinct(rows: Dataset, column: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of each distinct text, and the row in which it comes first, in order."""
    parts = (rows[start : start + AT_ONCE][column] for start in range(0, len(rows), AT_ONCE))
    every = np.fromiter((number_of(text) for part in parts for text in part), np.int64, len(rows))
    numbers, first = np.unique(every, return_index=True)
    order = np.argsort(first)
    return numbers[order], first[order]


def _texts(rows: Dataset, numbers: NDArray[np.int64]) -> Iterator[str]:
    """Yield the texts of rows, in order."""
    for start in range(0, len(numbers), AT_ONCE):
        (part,) = rows[numbers[start : start + AT_ONCE]].values()
        yield from part
