"""One pass over a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from sentemb.checks.columns import Columns, find_columns
from sentemb.checks.hashes import Seen
from sentemb.checks.label_checks import LabelChecks, ScoreChecks
from sentemb.checks.problem import Problem, of_rows
from sentemb.checks.signal_checks import SignalChecks, head_of, rows_of_folder
from sentemb.checks.text_checks import Count, TextChecks, Unknown, none_unknown
from sentemb.datasets.faults import Faults, Found
from sentemb.datasets.files import read_rows
from sentemb.datasets.in_memory import InMemory
from sentemb.datasets.layouts import LAYOUTS, late_columns, shown
from sentemb.datasets.lines import Row, suffixes_of
from sentemb.modalities.cells import TEXTS, metadata_of

BATCH = 64
"""Rows of a batch where none are given: that of most recipes."""
OF_OTHER_COLUMNS = {"blank", "no_words", "not_text", "one_text", "unknown_columns"}
"""What follows where the first row has none of the columns that are meant."""


@dataclass(frozen=True)
class Limits:
    """What rows are measured by.

    Args:
        count: Counts the tokens of texts, special ones included.
        max_length: Tokens that an encoder reads of a text.
        batch_size: Rows of a batch; None if unknown.
        unknown: Tells of texts whether the encoder's tokenizer does not know most of their tokens.
    """

    count: Count
    max_length: int
    batch_size: int | None = None
    unknown: Unknown = none_unknown


@dataclass(frozen=True)
class CheckedFile:
    """A file, and what is wrong with it.

    Args:
        file: As it was named.
        format: By its ending; of rows in memory their kind, as ``<list>``.
        rows: As training numbers them.
        columns: All there are.
        texts: Those that are taken for texts.
        distinct_texts: How many there are, but for case and spaces.
        longest: Tokens of the longest text.
        classes: The labels, with their rows.
        problems: Errors first.
        seen: What other files are compared with.
    """

    file: str
    format: str
    rows: int
    columns: tuple[str, ...]
    texts: tuple[str, ...]
    distinct_texts: int
    longest: int
    classes: dict[str, int]
    problems: tuple[Problem, ...]
    seen: Seen


def check_file(
    file: Path | InMemory, limits: Limits, named: Sequence[str] | None = None
) -> CheckedFile:
    """Read a file once, and say what is wrong with it.

    A row costs about 110 bytes of memory at the end, whatever its length.

    Args:
        file: txt, csv, tsv, jsonl or parquet, each also compressed; or rows in memory.
        limits: What rows are measured by.
        named: The columns to look at, where the names are not those that `train` knows.

    Raises:
        InputError: When the file cannot be read, or has no such column; names the row.
    """
    faults = Faults(errors="replace")
    rows = 0
    present: tuple[str, ...] = ()
    columns = Columns({}, None, None)
    texts = TextChecks(columns, faults, limits.count, limits.max_length, limits.unknown)
    labels, scores, late = LabelChecks(), ScoreChecks(), Found()
    further = _rows(file, faults)
    head = head_of(further)
    signals = SignalChecks(file, (), head)
    for number, row in chain(head, further):
        if not rows:
            present = tuple(row)
            signals = SignalChecks(file, named or present, head)
            columns = _columns_of_texts(signals, present, named, file)
            texts = TextChecks(columns, faults, limits.count, limits.max_length, limits.unknown)
        rows += 1
        if named is None and late_columns(row, present):
            late.add(number)
        label = labels.add(number, row, columns.label) if columns.label else None
        texts.add(number, signals.with_one_text(row), label)
        signals.add(number, row)
        if columns.score:
            scores.add(number, row, columns.score)
    found = [*texts.problems(), *labels.problems(), *scores.problems(), *_of_bytes(faults)]
    if signals.captions:  # of which a blank one is an error
        found = [one for one in found if one.name != "blank"]
    found += signals.problems()
    if labels.classes:
        message = "an earlier row has the same texts and another label"
        found += of_rows("contradictions", "note", texts.seen.contradictions(), message)
    found += _of_the_whole(rows, columns, texts.seen.distinct(), limits.batch_size)
    return CheckedFile(
        file=str(file),
        format=file.origin if isinstance(file, InMemory) else "".join(suffixes_of(file)),
        rows=rows,
        columns=present,
        texts=columns.texts,
        distinct_texts=texts.seen.distinct(),
        longest=texts.longest,
        classes=dict(labels.classes.most_common()),
        problems=tuple(sorted(_of_late(late, columns, found), key=lambda each: each.severity)),
        seen=texts.seen,
    )


def _columns_of_texts(
    signals: SignalChecks, present: Sequence[str], named: Sequence[str] | None, source: object
) -> Columns:
    """Return the columns of texts beside those of pictures and sounds, where there are some."""
    if not signals.columns:
        return find_columns(present, named, source)
    others = [name for name in present if name not in signals.columns]
    of_texts = None if named is None else [name for name in named if name not in signals.columns]
    columns = find_columns(others, of_texts, source)
    graded = columns.label is not None or columns.score is not None
    if named is not None:
        signals.captions = columns.texts[0] if len(columns.texts) == 1 and not graded else None
    elif columns.guessed or (set(columns.texts) <= set(TEXTS) and not graded):
        return find_columns(others, signals.name_captions(others), source)
    return columns


def _rows(file: Path | InMemory, faults: Faults) -> Iterator[Row]:
    if isinstance(file, InMemory):
        return file.rows(faults)
    if file.is_dir() and (found := rows_of_folder(file)) is not None:
        return found
    return read_rows(Path(str(metadata_of(file))), faults)


def _of_late(late: Found, columns: Columns, found: list[Problem]) -> list[Problem]:
    """Put before all others that columns come late, in the place of what follows from that."""
    message = "columns differ between rows: these have some that the first row has not"
    follows = OF_OTHER_COLUMNS if late.rows and columns.guessed else set()
    others = [problem for problem in found if problem.name not in follows]
    return of_rows("late_columns", "error", late, message) + others


def _of_bytes(faults: Faults) -> list[Problem]:
    found = [
        *of_rows("invalid_utf8", "error", faults.invalid, "not UTF-8, or half a surrogate pair"),
        *of_rows("cut_lines", "note", faults.long, "a text is longer than 1 MiB: cut there"),
        *of_rows("nul", "note", faults.nul, "holds a NUL character"),
        *of_rows("crlf", "note", faults.crlf, "a line ends with CR LF: the CR is dropped"),
        *of_rows("blank_lines", "note", faults.blank_lines, "a blank line: no row"),
    ]
    if faults.encoding != "utf-8":
        found.append(Problem("encoding", "note", f"read as {faults.encoding.upper()}"))
    if faults.separator:
        found.append(Problem("separator", "note", f"read as {faults.separator}"))
    if faults.bom:
        found.append(Problem("bom", "note", "begins with a byte-order mark: it is dropped"))
    return found


def _of_the_whole(
    rows: int, columns: Columns, distinct: int, batch_size: int | None
) -> list[Problem]:
    if not rows:
        return [Problem("no_rows", "error", "no row")]
    found = []
    if columns.guessed:
        known = "; ".join(", ".join(layout) for layout in LAYOUTS)
        message = f"the columns are none of {known}: name yours with `columns`"
        found.append(Problem("unknown_columns", "error", message))
    if columns.unread:
        message = f"train would not read {shown(columns.unread)} beside {shown(columns.texts)}: "
        remedy = "rename what it should read, or name with `columns` what it should"
        found.append(Problem("unread_columns", "error", message + remedy))
    if distinct == 1 and rows > 1:
        found.append(Problem("one_text", "error", "all texts are the same"))
    if rows < (batch_size or BATCH):
        severity = "error" if batch_size else "note"
        message = f"{rows:,} rows are fewer than a batch of {batch_size or BATCH}"
        found.append(Problem("small", severity, message))  # type: ignore[arg-type]
    return found
