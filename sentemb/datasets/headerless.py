"""Files of fields whose first line is not a header, as SentEval and Chinese sets come."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sentemb.datasets.faults import Faults
from sentemb.datasets.lines import Row, lines_of, opened
from sentemb.errors import InputError


def read_fields(path: Path, columns: Sequence[str | None]) -> Iterator[Row]:
    """Yield ``(row number, {column: value})`` of tab-separated fields; blank lines are not rows.

    Args:
        path: Of the file, also .gz or .zst; without csv quoting.
        columns: A name for each field from the first, None for what is not read; more may follow.

    Raises:
        InputError: When a row has fewer fields; names it.
    """
    for number, line in read_lines(path):
        fields = line.split("\t")
        if not line.strip():
            continue
        if len(fields) < len(columns):
            raise InputError(
                f"{path}, row {number}: {len(fields)} tab-separated fields where {len(columns)} "
                "are needed."
            )
        yield number, {name: value for name, value in zip(columns, fields, strict=False) if name}


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each line with its number, blank ones too.

    Raises:
        InputError: When there is no such file, or a line is not UTF-8; names the row.
    """
    with opened(path) as file:
        faults = Faults()
        for line in lines_of(file, path, faults):
            if line.stays(path, faults):
                yield line.number, line.text
