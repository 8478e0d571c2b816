"""``sentemb predict``."""

from pathlib import Path
from typing import Annotated

import typer

from . import console

EXAMPLES = """Examples:

sentemb predict runs/finetune file.txt

sentemb predict runs/finetune pairs.tsv --columns sentence1,sentence2 -o labels.jsonl"""


def predict(
    model: Annotated[str, typer.Argument(help="What sentemb finetune left, or any classifier.")],
    source: Annotated[
        str,
        typer.Argument(metavar="FILE", help="txt, csv, tsv, jsonl, parquet, each also .gz."),
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
    """Write the label and its probability (or the score) of every row of a file, in order."""
    from sentemb.datasets import read_training_data
    from sentemb.errors import UsageError
    from sentemb.finetuning.predict import predictions, write_predictions

    console.quieten_libraries()
    target = None if output == "-" else Path(output)
    if target is not None and target.suffix != ".jsonl":
        raise UsageError(f"Cannot write '{target}': give a file ending in .jsonl, or -.")
    if target is not None and target.exists() and not overwrite:
        raise UsageError(f"Output '{target}' exists: give another, or --overwrite.")
    layouts = [("sentence1", "sentence2"), ("text",)]
    data = read_training_data(source, layouts, columns.split(",") if columns else None)
    found, truncated = predictions(model, data.rows, batch_size, max_length)
    write_predictions(found, target)
    console.log(
        f"{len(data.rows):,} rows; left out: {data.empty_rows} empty; {truncated:,} cut to "
        f"{max_length} tokens"
    )
