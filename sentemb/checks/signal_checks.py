"""What is wrong with the pictures and sounds of rows: each is read, as training would read it."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sentemb.checks.problem import Problem, of_rows
from sentemb.datasets.faults import Found
from sentemb.datasets.lines import Row
from sentemb.errors import InputError
from sentemb.modalities.cells import (
    FILE_NAMES,
    METADATA,
    MODALITIES,
    TEXTS,
    cell_of,
    columns_of_modalities,
    files_of,
    modality_of_file,
    texts_of_cell,
)

SIDE = 32
"""Pixels a side that methods scale pictures to by default; what is too thin for it is an error."""
HEAD = 64
"""Rows in which a name of a picture or a sound is looked for."""


class SignalChecks:
    """Reads the pictures and sounds of each row, and keeps what was wrong.

    Args:
        source: Of the rows; names of files are from its folder.
        present: The columns to look at.
        head: The first rows.

    Attributes:
        columns: Of pictures and sounds, by name.
        captions: The column of texts that describe them, once it is known that there is one.
    """

    def __init__(self, source: object, present: Sequence[str], head: Iterable[Row]) -> None:
        path = Path(source) if isinstance(source, str | os.PathLike) else Path("-")
        self._folder = path if path.is_dir() else path.parent
        self.columns = columns_of_modalities(source, present, (row for _, row in head))
        self.captions: str | None = None
        self._found: dict[tuple[str, str], tuple[Found, str]] = {}

    def name_captions(self, present: Sequence[str]) -> list[str]:
        """Take the first column that is named as captions are for that; return its name."""
        found = [name for name in TEXTS if name in present][:1]
        self.captions = next(iter(found), None)
        return found

    def add(self, number: int, row: Mapping[str, Any]) -> None:
        """Read the pictures and sounds of a row."""
        from sentemb.modalities.readers import read_signal, require_reader  # torch
        from sentemb.modalities.towers import TowerConfig

        for column, modality in self.columns.items():
            try:
                require_reader(modality)
                cell = cell_of(row.get(column), self._folder, column, modality)
                read_signal(cell, TowerConfig(modality=modality, size=SIDE))
            except InputError as error:
                self._add(modality, str(error), number)
        if self.captions and not texts_of_cell(row.get(self.captions)):
            self._add("caption", f"column '{self.captions}' has no text", number)

    def with_one_text(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row whose list of captions is one text."""
        if not self.captions or not isinstance(row.get(self.captions), list):
            return row
        return row | {self.captions: "; ".join(texts_of_cell(row[self.captions]))}

    def problems(self) -> list[Problem]:
        """Return what was wrong, what is alike once."""
        return [
            problem
            for (kind, _), (found, message) in self._found.items()
            for problem in of_rows(kind, "error", found, message)
        ]

    def _add(self, kind: str, message: str, number: int) -> None:
        alike = kind, re.sub(r"'[^']*'|[\d,]+", "", message)
        self._found.setdefault(alike, (Found(), message))[0].add(number)


def head_of(rows: Iterator[Row]) -> list[Row]:
    """Take the first row; where a column may name files, all up to one that names a known kind."""
    head: list[Row] = []
    for number, row in rows:
        head.append((number, row))
        names = [row[name] for name in FILE_NAMES if name in row]
        if not names or any(map(modality_of_file, names)) or len(head) == HEAD:
            break
    return head


def rows_of_folder(folder: Path) -> Iterator[Row] | None:
    """Return the pictures and sounds of a folder as rows; None where it has a table, or neither."""
    if any((folder / name).is_file() for name in METADATA):
        return None
    files = [file for modality in MODALITIES for file in files_of(folder, modality)]
    if not files:
        return None
    names = (str(file.relative_to(folder)) for file in files)
    return ((number, {"file_name": name}) for number, name in enumerate(names, 1))
