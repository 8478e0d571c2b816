"""``sentemb rerank``."""

from typing import Annotated

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb rerank hits.jsonl --model runs/relevance

sentemb rerank hits.jsonl --model runs/relevance --document page -k 3 -o best.csv"""


def rerank(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="Candidates: what sentemb search -o wrote, or query and text."
        ),
    ],
    model: Annotated[
        str, typer.Option(help="A regression on pairs, which sentemb finetune --regression left.")
    ],
    columns: Annotated[
        str | None, typer.Option(help="The columns of query and text, a comma between.")
    ] = None,
    document: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Candidates of one value are chunks of one document, which has the score of the "
            "best of them.",
        ),
    ] = None,
    k: Annotated[
        int | None, typer.Option("-k", "--k", help="Candidates of a query to keep.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs a forward.")] = 64,
    max_length: Annotated[int, typer.Option(help="Tokens a pair is truncated to.")] = 128,
    device: shared.Device = None,
    output: shared.OutputRows = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output file.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Sort the candidates of each query by a model that reads query and text at once."""
    from sentemb.encoders.device import require_device_name

    from ..early import check_models, check_rows_output, check_texts

    for name in columns.split(",") if columns else ():
        check_texts(source, name)
    check_rows_output(output, overwrite=overwrite, as_json=as_json)
    require_device_name(device)
    check_models(model)
    console.quieten_libraries()
    from sentemb.tasks.rerank import rerank as sort

    report = sort(
        source,
        model,
        columns=columns.split(",") if columns else None,
        document=document,
        k=k,
        device=device,
        batch_size=batch_size,
        max_length=max_length,
    )
    console.show_or_write(report, report["rows"], output, as_json=as_json)
