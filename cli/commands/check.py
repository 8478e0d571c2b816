"""``sentemb check``."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import console

if TYPE_CHECKING:
    from sentemb.checks import CheckedFile, Problem

EXAMPLES = """Examples:

sentemb check train.csv

sentemb check train.csv dev.tsv --test test.tsv

sentemb check reviews.csv --columns review --max-length 64 --json"""


def check(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            readable=False,  # else typer exits with 2; what reads them, with 3
            help="txt, csv, tsv, json, jsonl, parquet, arrow, also .gz or .zst; "
            "the first is trained on, and the others should have nothing of it.",
        ),
    ],
    test: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            readable=False,
            help="Of which not one text may be in the first file.",
        ),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns to look at, commas between; by default all known.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Whose tokens are counted: bundled encoder, folder or hub id.")
    ] = "mini",
    max_length: Annotated[
        int | None, typer.Option(min=1, help="Tokens a text is cut to; by default the model's.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Rows a batch, of which there should be more.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for notes, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what is wrong with files, before anything is trained on them.

    Exits with 1 where training or scores would fail or be wrong (errors), not for what is merely
    worth knowing (notes); with 3 where a file cannot be read.
    """
    from sentemb.checks import Limits, check_file, leakage
    from sentemb.errors import UsageError

    from ..early import check_models, check_readable

    named = columns.split(",") if columns is not None else None
    if named is not None and not all(name.strip() for name in named):
        raise UsageError(f"--columns takes names, commas between, as text,label; got '{columns}'.")
    if any(str(file) == "-" for file in [*files, *(test or [])]):
        raise UsageError("check takes files alone: save what comes from stdin, and name the file.")
    check_readable(*files, *(test or []), columns=named)
    check_models(model)
    count, unknown, limit = _tokens(model)
    limits = Limits(count, max_length or limit, batch_size, unknown)
    reports: list[tuple[CheckedFile, list[Problem]]] = []
    for place, file in enumerate([*files, *(test or [])]):
        found = check_file(file, limits if place == 0 else replace(limits, batch_size=None), named)
        leaks = leakage(reports[0][0], found, test=place >= len(files)) if reports else []
        held = {"small"} if reports else set()
        reports.append((found, leaks + [p for p in found.problems if p.name not in held]))
    severities = [problem.severity for _, problems in reports for problem in problems]
    if as_json:
        _print_json(reports, limits.max_length, model)
    else:
        for found, problems in reports:
            _print(found, sorted(problems, key=lambda problem: problem.severity))
    if "error" in severities or (strict and severities):
        raise typer.Exit(1)


def _tokens(
    model: str,
) -> tuple[Callable[[list[str]], list[int]], Callable[[list[str]], list[bool]], int]:
    """Return what counts a model's tokens, what finds unknown texts, and how much it reads."""
    console.quieten_before_import()
    from sentemb.encoders.prompts import default_prompt
    from sentemb.encoders.tokenising import Tokenising
    from sentemb.errors import InputError
    from sentemb.inference.torch_only import load_encoder

    encoder = load_encoder(model)
    whole = Tokenising(encoder.tokenizer, prompt=default_prompt(encoder))
    read = Tokenising(encoder.tokenizer, encoder.max_seq_length, default_prompt(encoder))
    if whole.own is None:
        raise InputError(f"Model '{model}' has no fast tokenizer: give another --model.")

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

    return count, unknown, int(min(encoder.max_seq_length or 512, 10**9))


def _print(found: "CheckedFile", problems: "list[Problem]") -> None:
    texts = ", ".join(found.texts)
    console.show(
        f"{found.file}: {found.rows:,} rows, {found.distinct_texts:,} different texts"
        + (f" ({texts})" if texts else "")
        + f", the longest of {found.longest:,} tokens"
    )
    for problem in problems:
        rows = ", ".join(map(str, problem.first)) + (", …" if problem.rows > 5 else "")
        where = f"{problem.rows:,} row{'s' * (problem.rows > 1)} ({rows}): " if problem.rows else ""
        console.show(f"  {problem.severity:5}  {where}{problem.message}")


def _print_json(
    reports: "list[tuple[CheckedFile, list[Problem]]]", max_length: int, model: str
) -> None:
    files: list[dict[str, Any]] = []
    for found, problems in reports:
        fields = {key: value for key, value in vars(found).items() if key != "seen"}
        files.append(fields | {"problems": [asdict(problem) for problem in problems]})
    severities = [problem["severity"] for file in files for problem in file["problems"]]
    console.print_json(
        "check",
        {
            "model": model,
            "max_length": max_length,
            "errors": severities.count("error"),
            "notes": severities.count("note"),
            "files": files,
        },
    )
