"""What is wrong with the pictures and sounds of rows: each is read, as training would read it."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sentemb.checks.problem import Problem, of_rows
from sentemb.datasets.faults import Found
from sentemb.datasets.lines import Row
from sentemb.errors import InputError
from sentemb.modalities.cells import (
    METADATA,
    TEXTS,
    cell_of,
    columns_of_modalities,
    files_of,
    modality_by_name,
    modality_of,
)


class SignalChecks:
    """Reads the pictures and sounds of each row, and keeps what was wrong.

    Args:
        source: Of the rows; names of files are from its folder.
        present: Its columns.
    """

    def __init__(self, source: object, present: Sequence[str]) -> None:
        path = Path(source) if isinstance(source, str | os.PathLike) else Path("-")
        self._folder = path if path.is_dir() else path.parent
        self._columns = columns_of_modalities(source, present)
        self.texts = [name for name in TEXTS if name in present][:1] if self._columns else []
        self._found: dict[tuple[str, str], tuple[Found, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._columns)

    def add(self, number: int, row: Mapping[str, Any]) -> None:
        """Read the pictures and sounds of a row."""
        from sentemb.modalities.readers import read_signal, require_reader  # torch
        from sentemb.modalities.towers import TowerConfig

        for column, modality in self._columns.items():
            kind = modality or modality_by_name(row.get(column))
            try:
                require_reader(kind)
                cell = cell_of(row.get(column), self._folder, column, kind)
                read_signal(cell, TowerConfig(modality=kind))
            except InputError as error:
                self._add(kind, str(error), number)
        for column in self.texts:
            if not str(self.with_one_text(dict(row))[column] or "").strip():
                self._add("caption", f"column '{column}' has no text", number)

    def _add(self, kind: str, message: str, number: int) -> None:
        alike = kind, re.sub(r"'[^']*'|[\d,]+", "", message)
        self._found.setdefault(alike, (Found(), message))[0].add(number)

    def with_one_text(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row whose list of texts is one text."""
        lists = {name: row[name] for name in self.texts if isinstance(row.get(name), list)}
        return row | {name: "; ".join(map(str, several)) for name, several in lists.items()}

    def problems(self) -> list[Problem]:
        """Return what was wrong, what is alike once."""
        return [
            problem
            for (kind, _), (found, message) in self._found.items()
            for problem in of_rows(kind, "error", found, message)
        ]


def rows_of_folder(folder: Path) -> Iterator[Row] | None:
    """Return the pictures or sounds of a folder as rows; None where it has a table, or neither."""
    if any((folder / name).is_file() for name in METADATA):
        return None
    modality = modality_of(folder)
    if modality is None:
        return None
    files = (str(file.relative_to(folder)) for file in files_of(folder, modality))
    return ((number, {"file_name": name}) for number, name in enumerate(files, 1))
