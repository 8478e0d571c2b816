"""``sentemb summarise``."""

from typing import Annotated

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb summarise file.txt

sentemb summarise file.txt --sentences 5 --method lexrank -o summary.txt

sentemb summarise clusters.csv --by cluster --sentences 2"""


def summarise(
    source: shared.Texts,
    model: shared.AnyModel = "mini-sentemb",
    sentences: Annotated[int, typer.Option(help="How many to choose of each document.")] = 3,
    method: Annotated[
        str,
        typer.Option(
            help="centroid, the nearest to the mean; mmr, those that are near to it and unlike "
            "each other; or lexrank, those that many others are like.",
            autocompletion=shared.complete_one_of(("centroid", "mmr", "lexrank")),
        ),
    ] = "mmr",
    balance: Annotated[
        float,
        typer.Option(
            help="Of mmr, in 0 to 1: 1 is centroid, less gives sentences that differ more."
        ),
    ] = 0.5,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Rows with one value here, as a cluster or an id, are one document; by default "
            "all rows are.",
        ),
    ] = None,
    column: shared.Column = "text",
    output: shared.OutputTexts = None,
    device: shared.Device = None,
    batch_tokens: shared.BatchTokens = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Choose the sentences that stand for a document, or for each group of texts, in their order.

    The coverage is the mean over all sentences of the greatest cosine with a chosen one.
    """
    from sentemb.encoders.device import require_device_name

    from ..early import check_models, check_rows_output, check_texts, without_effect

    check_rows_output(output, overwrite=overwrite, as_json=as_json, texts_alone=by is None)
    require_device_name(device)
    without_effect("--balance", balance != 0.5 and method != "mmr", "--method mmr")
    check_texts(source, column)
    check_models(model)
    from sentemb.tasks.summarise import summarise as find

    console.quieten_before_import()
    found = find(
        *(console.rows_of(source), model),
        sentences=sentences,
        method=method,  # type: ignore[arg-type]  # the library looks at it
        balance=balance,
        by=by,
        column=column,
        device=device,
        batch_tokens=batch_tokens,
    )
    console.show_or_write(found.report(), found.rows(), output, as_json=as_json)
