"""``sentemb predict``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import console

EXAMPLES = """Examples:

sentemb predict runs/finetune file.txt

sentemb predict runs/finetune pairs.tsv --columns sentence1,sentence2 -o labels.jsonl"""


def predict(
    model: Annotated[str, typer.Argument(help="What sentemb finetune left, or any classifier.")],
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="txt, csv, tsv, json, jsonl, parquet, arrow, each also .gz."
        ),
    ],
    columns: Annotated[
        str | None,
        typer.Option(help="The column of a text, or the two of a pair, a comma between."),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help="File ending in .jsonl; - is stdout.")
    ] = "-",
    batch_size: Annotated[int, typer.Option(min=1, help="Rows a forward.")] = 64,
    max_length: Annotated[int, typer.Option(help="Tokens a row is truncated to.")] = 128,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output file.")
    ] = False,
) -> None:
    """Write the label and its probability (or the score) of every row of a file, in order.

    A row without text, or a pair without one of its two, gets null.
    """
    from sentemb.datasets.layouts import INPUTS
    from sentemb.errors import UsageError

    from ..early import check_columns, check_models

    target = None if output == "-" else Path(output)
    if target is not None and target.suffix != ".jsonl":
        raise UsageError(f"Cannot write '{target}': give a file ending in .jsonl, or -.")
    if target is not None and target.exists() and not overwrite:
        raise UsageError(f"Output '{target}' exists: give another, or --overwrite.")
    names = columns.split(",") if columns else None
    check_columns(source, INPUTS, names)
    check_models(model)
    from sentemb import doors
    from sentemb.finetuning.predict import write_predictions

    console.quieten_libraries()
    found = doors.predict(
        model, source, columns=names, batch_size=batch_size, max_length=max_length
    )
    write_predictions(found.rows, target)
    console.log(
        f"{len(found.rows):,} rows; without text, so null: {found.empty_rows:,}; "
        f"{found.truncated_rows:,} cut to {max_length} tokens, "
        f"{found.unknown_rows:,} with unknown tokens"
    )
