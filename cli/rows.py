"""Rows that a task reads and writes: a file or stdin, a table on the terminal or a file."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.errors import UsageError

from . import console

if TYPE_CHECKING:
    from sentemb.table import Report


def given(source: str) -> Any:
    """Return what names rows as it is, or of ``-`` the lines of stdin.

    Raises:
        InputError: When stdin holds no line.
    """
    if source != "-":
        return source
    from sentemb.datasets.faults import Faults
    from sentemb.datasets.in_memory import InMemory
    from sentemb.datasets.texts import texts_of_stream
    from sentemb.errors import InputError

    lines = list(texts_of_stream(sys.stdin.buffer, "stdin", Faults("replace")))
    if not lines:
        raise InputError("stdin holds no line.")
    return InMemory(lines, name="stdin")


def check_texts(source: str, column: str = "text") -> None:
    """Raise unless a file is there and its first row has the column; of ``-`` nothing is read."""
    from sentemb.datasets.faults import Faults
    from sentemb.datasets.texts import read_text_rows

    from .early import can_be_read_again

    if source != "-" and can_be_read_again(source):
        with console.only_warnings():
            read_text_rows(source, column, Faults())


def check_rows_output(
    output: str | None, *, overwrite: bool, as_json: bool, texts_alone: bool = False
) -> None:
    """Raise unless rows can be written to a file, or to stdout alone.

    Args:
        output: As typed.
        overwrite: Whether the file may be there.
        as_json: Whether a report goes to stdout.
        texts_alone: Whether the rows may be texts without other columns, which .txt holds.

    Raises:
        UsageError: When the format is unknown, the file exists, or two outputs want stdout.
    """
    from sentemb.tasks.row_files import require_row_format

    from .early import without_effect

    without_effect("--overwrite", overwrite and output in (None, "-"), "an output file")
    if output == "-" and as_json:
        raise UsageError("--json and -o - both want stdout: give one of them.")
    if output is None or output == "-":
        return
    require_row_format(Path(output), texts_alone=texts_alone)
    if Path(output).exists() and not overwrite:
        raise UsageError(f"Output '{output}' exists: give another, or --overwrite.")


def show_or_write(
    report: "Report", rows: Sequence[dict[str, Any]], output: str | None, *, as_json: bool
) -> None:
    """Write rows where an output is named; else, or as JSON, show the report."""
    from sentemb.tasks.row_files import write_rows

    if output is not None:
        write_rows(rows, None if output == "-" else Path(output))
        for note in report.notes:
            console.log(note)
        if output != "-":
            console.log(f"{len(rows):,} rows: {output}")
    if output is None or as_json:
        console.show_report(report, as_json=as_json)
