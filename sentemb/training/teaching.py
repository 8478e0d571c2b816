"""A teacher's vectors: computed once for every text of the data, and handed to the twin."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray

from sentemb.errors import InputError
from sentemb.evaluation.disclosure import UNKNOWN, Disclosure, disclose
from sentemb.method import Method
from sentemb.runs.conditions import frozen_identity
from sentemb.runs.frozen_vectors import cached_vectors
from sentemb.runs.processes import refused_by_one
from sentemb.training.file_teacher import read_file
from sentemb.training.tokenised_rows import number_of
from sentemb.twins import Teacher, Twin
from sentemb.types import Vectors

TEACHERS = ("teacher", "second_teacher")
"""What records call them."""
AT_ONCE = 1000
"""Rows of the data that are read at once."""


def teach(method: Method, rows: Dataset, conditions: Mapping[str, Any]) -> None:
    """Give a twin with a teacher its vectors of all texts, which are kept in the cache.

    The first process encodes each distinct text once; all map the file.

    Args:
        method: What is trained; without a teacher, nothing is done.
        rows: All rows, also those that are held out.
        conditions: Of the run, those of `condition_of_teacher` among them.

    Raises:
        SentembError: As `sentemb.encoding.encode_file` does.
    """
    teachers = _teachers(method.twin)
    if not teachers:
        return
    columns = method.taught_columns()
    numbers, first = _distinct(rows, columns)
    texts = f"{len(numbers):,} texts, sha256 {hashlib.sha256(numbers.tobytes()).hexdigest()}"
    found: list[Vectors] = []
    for name, teacher in teachers.items():
        made_of = {"encoder": conditions[name], "texts": texts}
        found.append(_by_one(partial(_vectors, teacher, made_of, rows, columns, (numbers, first))))
        if method.encoder.device.type != "cpu" and not teacher.file:
            teacher.encoder.to("cpu")  # it is done, and the student needs the memory
    method.twin.be_taught(numbers, found)


def teach_few(method: Method, rows: Dataset) -> None:
    """Give a twin with a teacher its vectors of a few rows, in memory, to try them out."""
    texts = list(dict.fromkeys(text for column in method.taught_columns() for text in rows[column]))
    for teacher in _teachers(method.twin).values():
        if teacher.file:
            if not len(teacher):
                read_file(teacher)
            continue
        found = teacher.encoder.encode([text or " " for text in texts], show_progress_bar=False)
        numbers = np.array([number_of(text) for text in texts])
        teacher.remember(numbers, np.asarray(found, dtype=np.float32))


def require_vectors(method: Method, rows: Dataset) -> None:
    """Raise unless a teacher that is a file has a vector of each text of the rows.

    Raises:
        InputError: Names a row, and its text; or as `read_file`.
    """
    given = [t for t in _teachers(method.twin).values() if t.file]
    columns = method.taught_columns() if given else []
    for teacher in given:
        numbers, first = _distinct(rows, columns)
        if not teacher.knows(numbers).all():
            read_file(teacher)
        unknown = first[~teacher.knows(numbers)]
        if len(unknown):
            column, row = divmod(int(unknown[0]), len(rows))
            raise InputError(
                f"'{teacher.file}' has no vector of {len(unknown):,} of {len(first):,} texts, the "
                f"first in row {row + 1:,} ({columns[column]}, "
                f"{rows[row][columns[column]][:40]!r}): encode all texts that are trained on."
            )


def condition_of_teacher(twin: Twin) -> dict[str, Any]:
    """Return what a resumed run must share of its teachers; empty where there is none."""
    found: dict[str, Any] = {n: _identity(t) for n, t in _teachers(twin).items()}
    if twin.teacher is not None and len(found) > 1:
        found["teacher_shares"] = list(twin.teacher.shares)
    return found


def record_of_teacher(twin: Twin) -> dict[str, Any]:
    """Return what ``run.json`` says of each teacher: name, hash, which labels it has seen."""
    return {
        name: {
            "model": teacher.name,
            "weights": _identity(teacher),
            **asdict(_disclosed(teacher)),
        }
        for name, teacher in _teachers(twin).items()
    }


def paths_of_teacher(twin: Twin) -> list[str]:
    """Return where the teachers were loaded from, which their run must not remove."""
    return [path for teacher in _teachers(twin).values() if (path := _path(teacher))]


def _teachers(twin: Twin) -> dict[str, Teacher]:
    """Return the teachers by the names that records have for them."""
    members = () if twin.teacher is None else twin.teacher.members
    return dict(zip(TEACHERS, members, strict=False))


def _identity(teacher: Teacher) -> str:
    """Describe a teacher by its size and a hash."""
    if teacher.file:
        return f"vectors of {teacher.width}, sha256 {teacher.digest[:16]}"
    return frozen_identity(teacher.encoder)


def _disclosed(teacher: Teacher) -> Disclosure:
    path = "" if teacher.file else _path(teacher)
    return disclose(Path(path)) if path else Disclosure(UNKNOWN)


def _path(teacher: Teacher) -> str:
    if teacher.file:
        return teacher.file
    return str(getattr(teacher.encoder.tokenizer, "name_or_path", "") or "")


def _by_one(compute: Callable[[], Vectors]) -> Vectors:
    """Have the first process compute vectors; the others read them, if they share its cache."""
    made: list[Vectors] = []
    refused_by_one(lambda: made.append(compute()))
    return made[0] if made else compute()


def _vectors(
    teacher: Teacher,
    made_of: Mapping[str, Any],
    rows: Dataset,
    columns: Sequence[str],
    texts: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> Vectors:
    """Return a teacher's vectors of texts, by their numbers and the places where they come."""
    numbers, first = texts
    if teacher.file:
        return teacher.vectors_of(torch.from_numpy(numbers)).numpy()
    return cached_vectors(teacher.encoder, _texts(rows, columns, first), made_of, len(first))


def _distinct(rows: Dataset, columns: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of each distinct text, and the place where it comes first, in order.

    Places are counted through one column after the other.
    """
    every = np.empty(len(columns) * len(rows), np.int64)
    for place, part in _parts(rows, columns):
        every[place : place + len(part)] = [number_of(text) for text in part]
    numbers, first = np.unique(every, return_index=True)
    order = np.argsort(first)
    return numbers[order], first[order]


def _parts(rows: Dataset, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the texts of one column after the other, with the place of the first of each part."""
    for number, column in enumerate(columns):
        for start in range(0, len(rows), AT_ONCE):
            yield number * len(rows) + start, rows[start : start + AT_ONCE][column]


def _texts(rows: Dataset, columns: Sequence[str], places: NDArray[np.int64]) -> Iterator[str]:
    """Yield the texts at places, which ascend; " " for a text that is missing, as to a student."""
    for number, column in enumerate(columns):
        low, high = np.searchsorted(places, [number * len(rows), (number + 1) * len(rows)])
        own, of_column = places[low:high] - number * len(rows), rows.select_columns(column)
        for start in range(0, len(own), AT_ONCE):
            for text in of_column[own[start : start + AT_ONCE]][column]:
                yield text or " "
