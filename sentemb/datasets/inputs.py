"""Texts or pairs to predict something of: every row, in order, blank ones too."""

from collections.abc import Sequence

from datasets import Dataset

from sentemb.datasets.files import text_of
from sentemb.datasets.in_memory import Container
from sentemb.datasets.layouts import Layout, read_layout
from sentemb.datasets.source import Source, as_source


def read_inputs(
    source: Source | Container,
    layouts: Sequence[Layout],
    columns: Sequence[str] | None = None,
) -> Dataset:
    """Read the text columns of the fullest layout that the file has; a missing text is "".

    Args:
        source: A file (txt, csv, tsv, json, jsonl, parquet, arrow, also .gz), a hub data set, or
            rows in memory.
        layouts: Of texts alone, the fullest first; of each, other names do too.
        columns: Names in the file, in the order of a layout, where they are others.

    Raises:
        InputError: When no layout fits, or a value is no text; names the row.
    """
    source = as_source(source, layouts)
    mapping, rows = read_layout(source, layouts, columns)
    data: dict[str, list[str]] = {name: [] for name in mapping}
    for number, row in rows:
        for name, column in mapping.items():
            data[name].append(text_of(row, column, source, number))
    return Dataset.from_dict(data)
