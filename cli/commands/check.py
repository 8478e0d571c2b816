"""``sentemb check``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import console
from ..console import with_flags

EXAMPLES = """Examples:

sentemb check train.csv

sentemb check train.csv dev.tsv --test test.tsv

sentemb check reviews.csv --columns review --max-length 64 --json"""


def check(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            readable=False,  # else typer exits with 2; what reads them, with 3
            help="txt, csv, tsv, json, jsonl, parquet, arrow, also .gz or .zst, or a folder of "
            "pictures or sounds. The first is the training data; the others should share nothing "
            "with it.",
        ),
    ],
    test: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            readable=False,
            help="Test file: none of its texts may be in the first file.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Columns to check, separated by commas. By default, all known ones."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="Model whose tokens are counted: bundled encoder, folder or hub id.")
    ] = "mini",
    max_length: Annotated[
        int | None, typer.Option(min=1, help="Tokens a text is cut to; by default the model's.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Rows per batch; the data should have more.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 for notes as well.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what is wrong with files, before anything is trained on them.

    Exits with 1 where training or scores would fail or be wrong (errors), not for what is merely
    worth knowing (notes); with 3 where a file cannot be read.
    """
    from sentemb import checks
    from sentemb.errors import UsageError

    from ..early import check_models, check_readable

    named = columns.split(",") if columns is not None else None
    if named is not None and not all(name.strip() for name in named):
        raise UsageError(f"--columns takes names, commas between, as text,label; got '{columns}'.")
    if all(str(file) != "-" for file in [*files, *(test or [])]):  # which check itself refuses
        check_readable(*files, *(test or []), columns=named)
        check_models(model)
    console.quieten_before_import()
    report = checks.check(
        files,
        test=test or [],
        columns=named,
        model=model,
        max_length=max_length,
        batch_size=batch_size,
    )
    typer.echo(report.to_json() if as_json else with_flags(repr(report), context.obj))
    if report["errors"] or (strict and report["notes"]):
        raise typer.Exit(1)
