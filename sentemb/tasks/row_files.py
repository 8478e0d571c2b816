"""Rows as a file: those that a task keeps, or with what it found of each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sentemb.errors import UsageError
from sentemb.finetuning.prediction_files import BREAKS, FORMATS, write_predictions
from sentemb.storage import replaced

TXT = ".txt"


def require_row_file(target: Path, *, overwrite: bool, texts_alone: bool = False) -> None:
    """Raise unless rows can be written to a file.

    Args:
        target: The file.
        overwrite: Whether it may be there.
        texts_alone: Whether the rows may be texts without other columns, so that .txt does.

    Raises:
        UsageError: When the ending is of no format, or the file exists.
    """
    allowed = [*FORMATS, *([TXT] if texts_alone else [])]
    if target.suffix not in allowed:
        raise UsageError(f"Cannot write '{target}': give a file ending in {', '.join(allowed)}.")
    if target.exists() and not overwrite:
        raise UsageError(f"Output '{target}' exists: give another `output`, or `overwrite=True`.")


def write_rows(rows: Sequence[dict[str, Any]], target: Path | None) -> None:
    """Write rows to a file, whose ending is the format, or as jsonl to stdout.

    Raises:
        UsageError: When there is no row, or one has other columns than a text in a .txt file.
    """
    if not rows:
        raise UsageError("No row is left to write.")
    if target is None or target.suffix != TXT:
        write_predictions(rows, target)
        return
    if len(rows[0]) > 1:
        raise UsageError(
            f"'{target}' would hold texts alone, and the rows have the columns "
            f"{', '.join(rows[0])}: give a file ending in {', '.join(FORMATS)}."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with replaced(target) as file:
        for row in rows:
            (text,) = row.values()
            file.write(f"{text.translate(BREAKS)}\n".encode())
