"""`check`: what is wrong with files, each alone and beside the one that is trained on."""

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from sentemb.checks.file import CheckedFile, Limits, check_file
from sentemb.checks.problem import Problem, of_rows
from sentemb.datasets.in_memory import Container, InMemory
from sentemb.datasets.layouts import LAYOUTS
from sentemb.datasets.source import as_sources
from sentemb.errors import InputError, UsageError
from sentemb.table import Report, Table
from sentemb.values import as_names, require_at_least

Files = str | os.PathLike[str] | Container
"""A file or several; or rows in memory."""
Checked = list[tuple[CheckedFile, list[Problem]]]
SHOWN = 5
"""Numbers of rows that a problem names."""


def check(
    files: Files,
    *,
    test: Files = (),
    columns: Sequence[str] | None = None,
    model: str | os.PathLike[str] = "mini",
    max_length: int | None = None,
    batch_size: int | None = None,
) -> Report:
    """Find what is wrong with files, before anything is trained on them.

    Args:
        files: One or several: txt, csv, tsv, json, jsonl, parquet or arrow, each also compressed;
            a folder of pictures or sounds; or rows in memory, of any kind that `train` takes. The
            first is trained on; the others should have nothing of it. Pictures and sounds are
            decoded as `train` decodes them.
        test: The same; not one of their texts may be in the first.
        columns: Those to look at; by default all that are known.
        model: Whose tokens are counted.
        max_length: Tokens a text is cut to; by default the model's.
        batch_size: Rows of a batch, of which there should be more.

    Returns:
        A row a problem; the record has ``errors``, where training or scores would fail or be wrong,
        ``notes``, and what is known of each file.

    Raises:
        UsageError: When there is nothing to check, a number is below 1, a column's name is blank,
            or a file is stdin.
        InputError: When a file or the model cannot be read, or a column is missing.

    Example:
        >>> from sentemb.bundled import bundled
        >>> check(bundled("sentences.txt"))["errors"]
        0
    """
    trained, tested = _sources(files, "files"), _sources(test, "test")
    if not trained:
        raise UsageError("There is nothing to check: give a file, or rows.")
    columns = None if columns is None else as_names("columns", columns)
    if columns is not None and not all(name.strip() for name in columns):
        raise UsageError(f"columns takes names, as text, label; got '{','.join(columns)}'.")
    for name, number in (("max_length", max_length), ("batch_size", batch_size)):
        if number is not None:
            require_at_least(1, **{name: number})
    given = [*trained, *tested]
    if any(str(file) == "-" for file in given):
        raise UsageError("check cannot read stdin: save the rows to a file and give its name.")
    limits = limits_of(model, max_length, batch_size)
    checked: Checked = []
    tests = len(given) - len(tested)
    for place, file in enumerate(given):
        if place == 0:
            found = check_file(file, limits, columns)
            checked.append((found, list(found.problems)))
            continue
        found = check_file(file, replace(limits, batch_size=None), columns)
        held = [problem for problem in found.problems if problem.name != "small"]
        checked.append((found, leakage(checked[0][0], found, test=place >= tests) + held))
    return _report(checked, limits.max_length, os.fspath(model))


def leakage(trained: CheckedFile, held: CheckedFile, *, test: bool = False) -> list[Problem]:
    """Return what of held-out rows is in the rows that are trained on, but for case and spaces.

    Args:
        trained: What is trained on.
        held: Of dev or test.
        test: Whether a single text is an error, too; in a dev set it is a note.
    """
    known = [column[column != 0] for column in trained.seen.texts]
    texts = np.unique(np.concatenate(known)) if known else np.empty(0, dtype=np.uint64)
    shared = [np.isin(column, texts) for column in held.seen.texts]
    some = np.logical_or.reduce(shared) if shared else np.zeros(held.rows, dtype=np.bool_)
    whole = np.isin(held.seen.rows, trained.seen.rows) & some
    if len(trained.texts) != len(held.texts):  # a pair among single texts is there in two rows
        whole = np.logical_and.reduce(shared) if shared else some
    return [
        *of_rows("leaked_rows", "error", held.seen.found(whole),
                 f"all its texts are in {trained.file}"),
        *of_rows("leaked_texts", "error" if test else "note", held.seen.found(some & ~whole),
                 f"a text of it is in {trained.file}"),
    ]  # fmt: skip


def limits_of(
    model: str | os.PathLike[str], max_length: int | None = None, batch_size: int | None = None
) -> Limits:
    """Return how a model's tokens are counted, which texts it does not know, and what it reads.

    Raises:
        InputError: When the model has no fast tokenizer.
    """
    from sentemb.encoders.prompts import default_prompt
    from sentemb.encoders.tokenising import Tokenising
    from sentemb.inference.token_encoder import TokenEncoder
    from sentemb.inference.torch_only import load_encoder

    encoder = load_encoder(model)
    whole = Tokenising(encoder.tokenizer, prompt=default_prompt(encoder))
    read = Tokenising(encoder.tokenizer, encoder.max_seq_length, default_prompt(encoder))
    if whole.own is None:
        raise InputError(f"Model '{model}' has no fast tokenizer: give another `model`.")

    def count(texts: list[str]) -> list[int]:
        tokens = whole(texts)
        return [len(tokens.ids[row]) for row in tokens.rows]

    def unknown(texts: list[str]) -> list[bool]:
        counts = read(texts).of_rows()
        assert counts is not None  # noqa: S101 -- the tokenizer is a fast one
        return [
            n > known or nothing
            for n, known, nothing in zip(counts.unknown, counts.known, counts.unread, strict=True)
        ]

    unlimited = isinstance(encoder, TokenEncoder)  # where it names none
    longest = int(min(encoder.max_seq_length or (10**9 if unlimited else 512), 10**9))
    return Limits(count, max_length or longest, batch_size, unknown)


def _report(checked: Checked, max_length: int, model: str) -> Report:
    files: list[dict[str, Any]] = []
    lines, rows = [], []
    for found, problems in checked:
        fields = {key: value for key, value in vars(found).items() if key != "seen"}
        files.append(fields | {"problems": [asdict(problem) for problem in problems]})
        in_order = sorted(problems, key=lambda problem: problem.severity)
        lines += [_summary(found), *map(_line, in_order)]
        rows += [
            [found.file, one.name, one.severity, one.rows, list(one.first), one.message]
            for one in in_order
        ]
    severities = [problem.severity for _, problems in checked for problem in problems]
    record = {
        "model": model,
        "max_length": max_length,
        "errors": severities.count("error"),
        "notes": severities.count("note"),
        "files": files,
    }
    values = Table(["file", "problem", "severity", "rows", "first", "message"], rows)
    return Report("check", record, [], lines, values)


def _summary(found: CheckedFile) -> str:
    texts = ", ".join(found.texts)
    return (
        f"{found.file}: {found.rows:,} rows, {found.distinct_texts:,} different texts"
        + (f" ({texts})" if texts else "")
        + f", the longest of {found.longest:,} tokens"
    )


def _line(problem: Problem) -> str:
    rows = ", ".join(map(str, problem.first)) + (", …" if problem.rows > SHOWN else "")
    where = f"{problem.rows:,} row{'s' * (problem.rows > 1)} ({rows}): " if problem.rows else ""
    return f"  {problem.severity:5}  {where}{problem.message}"


def _sources(files: Files, name: str) -> list[Path | InMemory]:
    """Return files as paths, and rows in memory as a source."""
    sources = as_sources(files, LAYOUTS, name)
    return [one if isinstance(one, InMemory) else Path(one) for one in sources]
