"""Texts that a command is given: a file, or lines from stdin."""

import sys
from pathlib import Path

from sentemb.errors import UsageError

VECTORS_ALONE = (".npy", ".safetensors")


def texts_given(source: str, column: str = "text") -> str | list[str]:
    """Return the name of a file whose first row was read, or the lines of stdin for ``-``.

    Raises:
        InputError: When there is no such file or column.
        UsageError: When a column is named of stdin.
    """
    from sentemb.datasets.faults import Faults
    from sentemb.datasets.texts import read_text_rows, texts_of_stream

    if source == "-":
        if column != "text":
            raise UsageError("--column names a column of a file: stdin has lines of text alone.")
        return list(texts_of_stream(sys.stdin.buffer, "stdin", Faults()))
    if Path(source).is_file() and Path(source).suffix not in VECTORS_ALONE:
        next(read_text_rows(source, column, Faults()), None)
    return source


def one_stream(output: str | None, *, as_json: bool) -> Path | None:
    """Return the file to write rows to; None where they go to stdout, or nowhere.

    Raises:
        UsageError: When rows and JSON are both to go to stdout.
    """
    if output == "-" and as_json:
        raise UsageError("--json and -o - both want stdout: name a file with --output.")
    return None if output in (None, "-") else Path(str(output))
