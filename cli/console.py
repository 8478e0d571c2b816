"""What goes where: data and JSON to stdout, everything else to stderr, also where one is closed."""

import ast
import json
import logging
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import typer

from sentemb.bars import phase
from sentemb.errors import UsageError
from sentemb.inert import inert as inert

if TYPE_CHECKING:
    from sentemb.table import Format, Report

CONTEXTS = {
    "`sentemb.safety.trusting_code()`": "sentemb --trust-remote-code COMMAND",
    "`sentemb.datasets.delimiters.separated_by()`": "sentemb --delimiter NAME COMMAND",
}
"""What the library names as a context, and what is typed for it."""


class Flag(NamedTuple):
    """What is typed for a parameter.

    Args:
        spelled: With its dashes; of an argument, as the usage line has it.
        repeats: Whether several values are typed each with the flag, not with commas between.
    """

    spelled: str
    repeats: bool = False

    def with_value(self, written: str | None) -> str:
        """Return what is typed for a value in Python's words."""
        try:
            value = ast.literal_eval(written or "True")
        except (ValueError, SyntaxError):
            value = written
        if value is True:
            return self.spelled
        if not isinstance(value, list):
            return f"{self.spelled} {value}"
        words = value if self.repeats else [",".join(value)]
        return " ".join(f"{self.spelled} {shlex.quote(word)}" for word in words)


def with_flags(message: str, flags: Mapping[str, Flag], *, plain: bool = False) -> str:
    """Turn the parameters that the library speaks of into what is typed.

    Of a command with ``--output`` and ``--overwrite``, "give another `output`, or `overwrite=True`"
    becomes "give another --output, or --overwrite". A list is typed with commas, as
    ``--columns a,b``, or with the flag repeated.

    Args:
        message: Of an error, or a log line.
        flags: Of the running command, by the name of the parameter.
        plain: Whether names that are not marked count, too: where they begin the message, or have
            an underscore.
    """

    def marked(found: re.Match[str]) -> str:
        name, value = found.groups()
        return flags[name].with_value(value) if name in flags else found[0]

    for context, typed in CONTEXTS.items():
        message = message.replace(context, typed)
    message = re.sub(r"`(\w+)(?:=([^`]*))?`", marked, message)
    for name, flag in flags.items() if plain else ():
        alone = rf"(?<![\w'\"./-]){name}(?![\w'\"./=])"
        first = rf"^{name}(?= (\w+ )?(must|is|needs|takes)\b)"
        if flag.spelled.startswith("--"):
            message = re.sub(alone if "_" in name else first, flag.spelled, message, count=1)
    return message


UNREADABLE, UNWRITABLE = os.O_WRONLY, os.O_RDONLY
STREAMS = (("stdin", UNREADABLE, "r"), ("stdout", UNWRITABLE, "w"), ("stderr", os.O_WRONLY, "w"))
"""What stands in the place of a closed stream, by its number.

Reading from a closed stdin or writing to a closed stdout stays an error, while what would go to a
closed stderr is dropped: there is no place to report it. Without this the next file that is opened
would get the number, and what a library prints would go into that file.
"""


def configure(*, quiet: bool, flags: Mapping[str, Flag] | None = None) -> None:
    """Send our log lines to stderr, with the flags of parameters; the libraries' own are errors."""
    logger = logging.getLogger("sentemb")
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    logger.propagate = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(flags or {}, coloured=has_colour(sys.stderr)))
    logger.handlers = [handler]


class _Lines(logging.Formatter):
    """Log lines quote rows and file names; a record is one line, unless it is a table.

    Warnings are yellow; in a table, the line that begins with the record's ``score`` is green.
    """

    def __init__(self, flags: Mapping[str, Flag], *, coloured: bool) -> None:
        super().__init__("%(message)s")
        self.flags, self.coloured = flags, coloured

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = with_flags(super().format(record), self.flags)
        line = inert(line, lines=getattr(record, "table", False))
        if not self.coloured:
            return line
        if record.levelno >= logging.WARNING:
            return typer.style(line, fg="yellow")
        score = getattr(record, "score", None)
        if score is None:
            return line
        return "\n".join(
            _green(one) if one.startswith(f"{score} ") else one for one in line.split("\n")
        )


def has_colour(stream: TextIO) -> bool:
    """Tell whether what goes to a stream is coloured: on a terminal, unless it is asked otherwise.

    ``NO_COLOR`` turns colours off, ``FORCE_COLOR`` on, also where the stream is not a terminal.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()


def _green(line: str) -> str:
    return typer.style(line, fg="green", bold=True)


def error(message: str) -> None:
    """Print why the command ends, in red where there are colours."""
    line, coloured = f"error: {inert(message, lines=False)}", has_colour(sys.stderr)
    typer.secho(line, fg="red" if coloured else None, err=True, color=coloured)


def show(text: str) -> None:
    """Print to stdout for people."""
    typer.echo(inert(text))


def quieten_before_import() -> None:
    """Do what `quieten_libraries` does without importing any of them, which takes seconds."""
    if "transformers" in sys.modules or "datasets" in sys.modules:
        quieten_libraries()
        return
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    for name in ("sentence_transformers", "transformers", "datasets"):
        logging.getLogger(name).setLevel(logging.ERROR)


def quieten_libraries() -> None:
    """Silence progress bars and load reports of transformers, sentence-transformers, datasets."""
    with phase("starting"):
        import datasets
        import transformers

    for name in ("sentence_transformers", "transformers", "datasets", "accelerate"):
        logging.getLogger(name).setLevel(logging.ERROR)
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    datasets.disable_progress_bars()
    warnings.filterwarnings("ignore", message="`broadcast_buffers` is deprecated")  # transformers'


def log(message: str, *, table: bool = False, score: str | None = None) -> None:
    """Log a line for people, or a table of several, of which the row ``score`` stands out."""
    logging.getLogger("sentemb").info(message, extra={"table": table, "score": score})


def warn(message: str) -> None:
    """Log what a person should look at, also with ``--quiet``."""
    logging.getLogger("sentemb").warning(message)


def only_warnings() -> AbstractContextManager[None]:
    """Leave log lines out for a while, but for warnings."""
    return _from(logging.WARNING)


def only_errors() -> AbstractContextManager[None]:
    """Leave warnings out too."""
    return _from(logging.ERROR)


@contextmanager
def _from(least: int) -> Iterator[None]:
    logger = logging.getLogger("sentemb")
    level = logger.level
    logger.setLevel(least)
    try:
        yield
    finally:
        logger.setLevel(level)


def print_json(schema: str, content: dict[str, Any]) -> None:
    """Print exactly one JSON object to stdout."""
    typer.echo(json.dumps({"schema": f"sentemb.{schema}/1", "versions": versions(), **content}))


def show_report(
    report: "Report", *, as_json: bool, style: "Format | None" = None, scores: bool = False
) -> None:
    """Print a report as one JSON object, in another format, or else its tables for people.

    Args:
        report: What is shown.
        as_json: Whether as JSON.
        style: Another format.
        scores: Whether the last row of the first table is what matters.
    """
    if style is not None and not as_json:
        typer.echo(report.formatted(style))
        for note in report.notes if style != "json" else ():
            log(note)
        return
    text = report.to_json() if as_json else repr(report)
    coloured = has_colour(sys.stdout) and not as_json
    if scores and coloured:
        first, rest = repr(report.tables[0]), text[len(repr(report.tables[0])) :]
        rows, _, last = first.rpartition("\n")
        text = f"{rows}\n{_green(last)}{rest}"
    typer.echo(text, color=coloured)


def show_or_write(
    report: "Report", rows: Sequence[dict[str, Any]], output: str | None, *, as_json: bool
) -> None:
    """Write rows where an output is named; else, or as JSON, show the report."""
    from sentemb.tasks.row_files import write_rows

    if output is not None:
        write_rows(rows, None if output == "-" else Path(output))
        for note in report.notes:
            log(note)
        if output != "-":
            log(f"{len(rows):,} rows: {output}")
    if output is None or as_json:
        show_report(report, as_json=as_json)


def rows_of(source: str) -> Any:
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


def require_one_format(*, as_json: bool, style: "Format | None") -> None:
    """Raise where two formats are asked for."""
    if as_json and style not in (None, "json"):
        raise UsageError(f"--json is --format json, and --format {style} is given: give one.")


def run_or_seeds(
    run: Callable[..., Any], seeds: Sequence[int] | None, output: Path, arguments: dict[str, Any]
) -> dict[str, Any]:
    """Train or fine-tune once, or once a seed; return what ``--json`` prints."""
    if seeds is None:
        return {**run(output=output, **arguments).record, "output": str(output)}
    from sentemb.experiments import run_seeds

    report = run_seeds(run, seeds, output, **{k: v for k, v in arguments.items() if k != "seed"})
    log(repr(report), table=True, score=next(iter(report["spread"]), None))
    return report.record


def versions() -> dict[str, str]:
    """Return the versions of what decides about numbers."""
    from sentemb.versions import versions

    return versions()


def number(name: str, value: float | None) -> str:
    """Show a correlation × 100 with two decimals, anything else with four."""
    from sentemb.table import number

    return number(name, value).text


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns: the first to the left, numbers to the right."""
    from sentemb.table import Table

    return str(Table(header, rows))


def open_missing() -> None:
    """Put something in the place of the standard streams that are closed."""
    for number, (name, mode, direction) in enumerate(STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, direction, encoding="utf-8", closefd=False))  # noqa: SIM115


def drop_unwritten() -> None:
    """Drop what stdout still holds if it cannot be written, or Python would fail at its exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
