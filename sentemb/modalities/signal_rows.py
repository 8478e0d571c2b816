"""The rows of a folder or a table of pictures or sounds: what each holds, and its columns."""

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sentemb.datasets.source import Source, as_source, read_source
from sentemb.errors import InputError, nearest
from sentemb.modalities.cells import (
    CELLS,
    METADATA,
    OTHERS,
    SUFFIXES_OF,
    Modality,
    cell_of,
    files_of,
    naming,
)

logger = logging.getLogger("sentemb")

Content = Path | bytes


@dataclass(frozen=True)
class RowContent:
    """A picture or a sound of a row; the first of equal ones names the row.

    Args:
        content: What the row holds.
        source: What the row is of, as messages call it.
        number: Of the row.
    """

    content: Content
    source: object = field(compare=False)
    number: int = field(compare=False)


def signal_rows(
    source: Source, modality: Modality, column: str | None = None, option: str = "column"
) -> Iterator[tuple[int, Content, dict[str, Any]]]:
    """Yield the number, the content and the columns of each row, its name first.

    Args:
        source: A folder, whose files are taken in the order of their names, also those in folders
            in it; or a table with a column of files, or of their bytes.
        modality: What is looked for.
        column: The table's column; by default the first that is there of ``image``, ``picture``,
            ``file_name``, ``path`` of pictures, and of ``sound``, ``audio`` and so on of sounds.
        option: By which the column is named, for the message.

    Raises:
        InputError: When the source has no such column or file; names the row.
    """
    source = as_source(source)
    if isinstance(source, str | os.PathLike) and Path(source).is_dir():
        folder = Path(source)
        found = files_of(folder, modality)
        if not found:
            named = ", ".join(SUFFIXES_OF[modality])
            raise InputError(f"Folder '{folder}' holds no {modality}: none of {named}.")
        _tell_of_others(folder, found)
        for number, path in enumerate(found, start=1):
            name = os.fsencode(path.relative_to(folder).as_posix())
            yield number, path, {"file_name": name.decode(errors="replace")}
        return
    present, rows = read_source(source)
    names = [column] if column else [n for n in CELLS[modality] if n in present]
    if not names or names[0] not in present:
        wanted = f"'{column}'" if column else f"of {modality}s ({', '.join(CELLS[modality])})"
        raise InputError(
            f"{source} has no column {wanted}; it has {', '.join(present)}: name one as `{option}`."
            + nearest(column or "", list(present))
        )
    folder = Path(os.fspath(source)).parent if isinstance(source, str | os.PathLike) else Path()
    for number, row in rows:
        cell = row.get(names[0])
        with naming(source, number):
            content = cell_of(cell, folder, names[0], modality)
        others = {name: value for name, value in row.items() if not isinstance(value, bytes | dict)}
        label = next((name for name in OTHERS if name in others), "row")
        if isinstance(content, Path):
            label = names[0]
            others[label] = cell["path"] if isinstance(cell, dict) else cell
        elif label == "row":
            others["row"] = number
        yield number, content, {label: others[label], **others}


def _tell_of_others(folder: Path, read: Sequence[Path]) -> None:
    known = {*read, *(folder / name for name in METADATA)}
    others = [path for path in folder.rglob("*") if path.is_file() and path not in known]
    if others:
        logger.info("%s: %s files of other kinds left out", folder, f"{len(others):,}")
