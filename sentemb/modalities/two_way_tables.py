"""Tasks of texts, pictures and sounds that find each other, from a table that has several."""

import os
from collections.abc import Iterable
from hashlib import blake2b
from itertools import combinations
from pathlib import Path
from typing import Any

from sentemb.datasets.in_memory import Container
from sentemb.datasets.lines import Row
from sentemb.datasets.source import as_source, read_source
from sentemb.errors import InputError
from sentemb.evaluation.two_way_retrieval import TwoWayRetrieval
from sentemb.modalities.cells import (
    SPLIT,
    TEXTS,
    Modality,
    cell_of,
    columns_of_modalities,
    is_held,
    metadata_of,
    naming,
    texts_of_cell,
    to_measure,
)
from sentemb.modalities.signal_rows import RowContent

TEXT = "text"


def read_two_way(source: Path | Container) -> list[TwoWayRetrieval]:
    """Read a task for each two of the modalities that a table has.

    Args:
        source: A table with two or more of a column of texts (``caption``, ``text``, ``title`` or
            ``sentence``; a list of them makes a row for each), of pictures (``image``,
            ``picture``) and of sounds (``sound``, ``audio``, ``logmel``); or a folder with a
            ``metadata.csv``. Where a column ``split`` keeps rows from training, only those count.

    Raises:
        InputError: When it has fewer, or a row lacks one; names the row.
    """
    table = as_source(metadata_of(source) if isinstance(source, Path) else source)
    present, rows = read_source(table)
    text = next((name for name in TEXTS if name in present), None)
    folder = Path(os.fspath(table)).parent if isinstance(table, str | os.PathLike) else Path()
    columns: dict[str, Modality] | None = None
    sides: dict[str, list[Any]] = {}
    same: dict[bytes, Path] = {}
    measured = _measured(table, rows)
    for number, row in measured:
        if columns is None:
            columns = columns_of_modalities(table, present, (one for _, one in measured))
            if (text is not None) + len(columns) < 2:
                raise InputError(
                    f"{table} has the columns {', '.join(present)}: two of texts, pictures and "
                    "sounds are needed."
                )
        with naming(table, number):
            contents = {
                modality: _once(cell_of(row.get(name), folder, name, modality), same)
                for name, modality in columns.items()
            }
            texts = [] if text is None else texts_of_cell(row.get(text))
            if text is not None and not texts:
                raise InputError(f"column '{text}' has no text")
        found = {one: RowContent(content, table, number) for one, content in contents.items()}
        captions: list[str | None] = [*texts] or [None]
        for one in captions:
            for kind, content in [*([] if one is None else [(TEXT, one)]), *found.items()]:
                sides.setdefault(kind, []).append(content)
    name = source.stem if isinstance(source, Path) else "cross_modal"
    return [
        TwoWayRetrieval(f"{name} {one}-{other}", (one, other), sides[one], sides[other])
        for one, other in combinations(sides, 2)
    ]


def _measured(table: object, rows: Iterable[Row]) -> list[Row]:
    train: list[Row] = []
    held: list[Row] = []
    for row in rows:
        (held if is_held(row[1].get(SPLIT)) else train).append(row)
    return to_measure(train, held, table)


def _once(content: Path | bytes, same: dict[bytes, Path]) -> Path | bytes:
    """Return the first of the files that hold the same."""
    if isinstance(content, bytes):
        return content
    try:
        digest = blake2b(content.read_bytes(), digest_size=16).digest()
    except OSError as error:
        raise InputError(f"cannot read '{content}' ({error.strerror})") from error
    return same.setdefault(digest, content)
