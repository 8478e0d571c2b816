"""Files of predictions: jsonl, csv, tsv, parquet; whole or not at all."""

import csv
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sentemb.errors import UsageError
from sentemb.storage import json_line, replaced

Rows = Sequence[dict[str, Any]]
BREAKS = str.maketrans("\t\r\n", "   ")


def as_jsonl(rows: Rows) -> bytes:
    """Return a line of JSON for each row."""
    return "".join(map(json_line, rows)).encode()


def as_csv(rows: Rows) -> bytes:
    """Return rows with commas between, quoted where that is needed; None is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_names(rows))
    writer.writerows(row.values() for row in rows)
    return text.getvalue().encode()


def as_tsv(rows: Rows) -> bytes:
    """Return rows with tabs between, without quoting: a tab or line break in a text is a space."""
    lines = [_names(rows), *([_cell(value) for value in row.values()] for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines).encode()


def as_parquet(rows: Rows) -> bytes:
    """Return rows as a parquet file."""
    import pyarrow
    import pyarrow.parquet

    buffer = io.BytesIO()
    columns = {name: _array([row[name] for row in rows]) for name in _names(rows)}
    pyarrow.parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


FORMATS: dict[str, Callable[[Rows], bytes]] = {
    ".jsonl": as_jsonl,
    ".csv": as_csv,
    ".tsv": as_tsv,
    ".parquet": as_parquet,
}


def require_format(target: Path) -> None:
    """Raise unless a file's name ends as one of the formats.

    Raises:
        UsageError: Names them.
    """
    if target.suffix not in FORMATS:
        raise UsageError(
            f"Cannot write '{target}': give a file ending in {', '.join(FORMATS)}, or -."
        )


def write_predictions(rows: Rows, target: Path | None) -> None:
    """Write rows to a file, whose ending is the format, or as jsonl to stdout.

    Raises:
        UsageError: When the ending is another.
    """
    if target is None:
        sys.stdout.buffer.write(as_jsonl(rows))
        return
    require_format(target)
    content = FORMATS[target.suffix](rows)
    target.parent.mkdir(parents=True, exist_ok=True)
    with replaced(target) as file:
        file.write(content)


def _names(rows: Rows) -> list[str]:
    return list(rows[0]) if rows else []


def _cell(value: Any) -> str:
    return "" if value is None else str(value).translate(BREAKS)


def _array(values: list[Any]) -> Any:
    """Return a column; of kinds that are mixed, as an id may be, the texts."""
    import pyarrow

    try:
        return pyarrow.array(values)
    except (pyarrow.ArrowException, OverflowError):
        return pyarrow.array([None if value is None else str(value) for value in values])
