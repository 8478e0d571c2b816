"""``sentemb predict``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import console
from .. import options as shared

if TYPE_CHECKING:
    from sentemb.finetuning.scored_predictions import Predictions

EXAMPLES = """Examples:

sentemb predict runs/finetune file.txt

sentemb predict runs/finetune pairs.tsv --columns sentence1,sentence2 -o labels.csv

sentemb predict runs/finetune labelled.tsv -o labels.parquet --plot confusion.png"""


def predict(
    model: Annotated[str, typer.Argument(help="Folder of sentemb finetune, or any classifier.")],
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="txt, csv, tsv, json, jsonl, parquet, arrow, each also .gz."
        ),
    ],
    columns: Annotated[
        str | None,
        typer.Option(
            help="Column of the texts, or the two columns of pairs, separated by a comma."
        ),
    ] = None,
    label_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the true labels or scores, if it is not called label or score."
        ),
    ] = None,
    output: shared.Predictions = "-",
    picture: shared.Confusion = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows per forward pass.")] = 64,
    max_length: Annotated[int, typer.Option(help="Tokens a row is truncated to.")] = 128,
    device: shared.Device = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output file and the picture.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the scores as one JSON object.")
    ] = False,
) -> None:
    """Write every row's label and its probability (or its score), beside its id and text, in order.

    A row without text, or a pair without one of its two, gets null. If the file has labels, the
    command shows accuracy, precision, recall and F1 of each class, and the confusion matrix; if it
    has scores and the model is a regression, Pearson's and Spearman's correlation.
    """
    from sentemb.datasets.layouts import INPUTS
    from sentemb.encoders.device import require_device_name
    from sentemb.errors import UsageError
    from sentemb.finetuning.prediction_files import require_format

    from ..early import check_columns, check_models, check_picture

    target = None if output == "-" else Path(output)
    if target is not None:
        require_format(target)
    elif as_json:
        raise UsageError("--json and -o - both want stdout: name a file with --output.")
    if target is not None and target.exists() and not overwrite:
        raise UsageError(f"Output '{target}' exists: give another, or --overwrite.")
    if picture is not None:
        check_picture(picture, overwrite=overwrite)
    require_device_name(device)
    names = columns.split(",") if columns else None
    check_columns(source, INPUTS, names)
    check_models(model)
    from sentemb import doors
    from sentemb.finetuning.prediction_files import write_predictions

    console.quieten_libraries()
    found = doors.predict(
        model,
        source,
        columns=names,
        label_column=label_column,
        batch_size=batch_size,
        max_length=max_length,
        device=device,
    )
    if picture is not None:
        console.log(f"picture: {found.plot(picture)}")
    write_predictions(found.rows, target)
    console.log(
        f"{len(found.rows):,} rows; without text, so null: {found.empty_rows:,}; "
        f"{found.truncated_rows:,} cut to {max_length} tokens, "
        f"{found.unknown_rows:,} with unknown tokens"
    )
    if found.scores is not None:
        console.log(repr(found), table=True)
    if as_json:
        console.print_json("predict", {"model": model, "output": output, **_record(found)})


def _record(found: "Predictions") -> dict[str, Any]:
    """Return how many rows there are, and the scores, as JSON has them."""
    rows = {"rows": len(found.rows), "empty_rows": found.empty_rows}
    tables = {"per_class": found.per_class, "confusion": found.confusion}
    known = {name: list(table) for name, table in tables.items() if table is not None}
    return {**rows, "metrics": found.metrics, **known}
