"""Tasks of texts, pictures and sounds that find each other, from a table that has several."""

import os
from itertools import combinations
from pathlib import Path
from typing import Any

from sentemb.datasets.in_memory import Container
from sentemb.datasets.source import as_source, read_source
from sentemb.errors import InputError
from sentemb.evaluation.two_way_retrieval import TwoWayRetrieval
from sentemb.modalities.cells import (
    TEXTS,
    cell_of,
    columns_of_modalities,
    metadata_of,
    modality_by_name,
    naming,
)

TEXT = "text"


def read_two_way(source: Path | Container) -> list[TwoWayRetrieval]:
    """Read a task for each two of the modalities that a table has.

    Args:
        source: A table with two or more of a column of texts (``caption``, ``text``, ``title`` or
            ``sentence``; a list of them makes a row for each), of pictures (``image``,
            ``picture``) and of sounds (``sound``, ``audio``, ``logmel``); or a folder with a
            ``metadata.csv``.

    Raises:
        InputError: When it has fewer, or a row lacks one; names the row.
    """
    table = as_source(metadata_of(source) if isinstance(source, Path) else source)
    present, rows = read_source(table)
    columns = columns_of_modalities(table, present)
    text = next((name for name in TEXTS if name in present), None)
    folder = Path(os.fspath(table)).parent if isinstance(table, str | os.PathLike) else Path()
    sides: dict[str, list[Any]] = {}
    for number, row in rows:
        with naming(table, number):
            found = {
                kind: cell_of(row.get(name), folder, name, kind)
                for name, given in columns.items()
                for kind in [given or modality_by_name(row.get(name))]
            }
            for one in _texts(row, text) if text else [None]:
                for kind, content in [*([(TEXT, one)] if text else []), *found.items()]:
                    sides.setdefault(kind, []).append(content)
    name = source.stem if isinstance(source, Path) else "cross_modal"
    if len(sides) < 2:
        raise InputError(
            f"{table} has the columns {', '.join(present)}: two of texts, pictures and sounds are "
            "needed."
        )
    return [
        TwoWayRetrieval(f"{name} {one}-{other}", (one, other), sides[one], sides[other])
        for one, other in combinations(sides, 2)
    ]


def _texts(row: dict[str, Any], column: str) -> list[str]:
    given = row.get(column)
    texts = [str(one).strip() for one in (given if isinstance(given, list) else [given or ""])]
    if not any(texts):
        raise InputError(f"column '{column}' has no text")
    return [text for text in texts if text]
