"""Texts or pairs to predict something of: every row, in order, blank ones too."""

import os
from collections.abc import Sequence

from datasets import Dataset

from sentemb.datasets.files import text_of
from sentemb.datasets.layouts import Layout, read_layout


def read_inputs(
    source: str | os.PathLike[str],
    layouts: Sequence[Layout],
    columns: Sequence[str] | None = None,
) -> Dataset:
    """Read the text columns of the fullest layout that the file has; a missing text is "".

    Args:
        source: A file (txt, csv, tsv, json, jsonl, parquet, arrow, also .gz) or a hub data set.
        layouts: Of texts alone, the fullest first; of each, other names do too.
        columns: Names in the file, in the order of a layout, where they are others.

    Raises:
        InputError: When no layout fits, or a value is no text; names the row.
    """
    mapping, rows = read_layout(source, layouts, columns)
    data: dict[str, list[str]] = {name: [] for name in mapping}
    for number, row in rows:
        for name, column in mapping.items():
            data[name].append(text_of(row, column, source, number))
    return Dataset.from_dict(data)
