"""Rows as a file: those that a task keeps, or with what it found of each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sentemb.errors import UsageError
from sentemb.finetuning.prediction_files import BREAKS, FORMATS, write_predictions
from sentemb.storage import replaced

TXT = ".txt"


def require_row_format(target: Path, *, texts_alone: bool = False) -> None:
    """Raise unless a file's name ends as one of the formats.

    Args:
        target: The file.
        texts_alone: Whether the rows may be texts without other columns, which .txt holds.

    Raises:
        UsageError: Names the formats.
    """
    allowed = [*FORMATS, *([TXT] if texts_alone else [])]
    if target.suffix not in allowed:
        raise UsageError(
            f"Cannot write '{target}': give a file ending in {', '.join(allowed)}, or -."
        )


def write_rows(rows: Sequence[dict[str, Any]], target: Path | None) -> None:
    """Write rows to a file, whose ending is the format, or as jsonl to stdout.

    Raises:
        UsageError: When the rows have other columns than a text, and the file is .txt.
    """
    if target is None or target.suffix != TXT:
        write_predictions(rows, target)
        return
    if rows and len(rows[0]) > 1:
        raise UsageError(
            f"'{target}' would hold texts alone, and the rows have the columns "
            f"{', '.join(rows[0])}: give a file ending in {', '.join(FORMATS)}."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with replaced(target) as file:
        for row in rows:
            (text,) = row.values()
            file.write(f"{text.translate(BREAKS)}\n".encode())
