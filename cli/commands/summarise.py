"""``sentemb summarise``."""

from typing import Annotated

import typer

from .. import completion, console
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
            autocompletion=completion.one_of(("centroid", "mmr", "lexrank")),
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
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="File for the chosen sentences, ending in .txt, .jsonl, .csv, .tsv or .parquet; "
            "- is jsonl to stdout.",
        ),
    ] = None,
    device: shared.Device = None,
    batch_tokens: shared.BatchTokens = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Choose the sentences that stand for a document, or for each group of texts, in their order.

    The coverage is the mean over all sentences of the greatest cosine with a chosen one.
    """
    from sentemb.encoders.device import require_device_name
    from sentemb.tasks.row_files import require_row_file, write_rows

    from ..early import check_models, without_effect
    from ..texts import one_stream, texts_given

    target = one_stream(output, as_json=as_json)
    if target is not None:
        require_row_file(target, overwrite=overwrite, texts_alone=by is None)
    require_device_name(device)
    without_effect("--balance", balance != 0.5 and method != "mmr", "--method mmr")
    texts = texts_given(source, column)
    check_models(model)
    from sentemb.tasks.summarise import summarise as find

    console.quieten_before_import()
    found = find(
        *(texts, model),
        sentences=sentences,
        method=method,  # type: ignore[arg-type]  # the library looks at it
        balance=balance,
        by=by,
        column=column,
        device=device,
        batch_tokens=batch_tokens,
    )
    if output is not None:
        write_rows(found.rows(), target)
    console.show_found(found.report(), output=output, as_json=as_json)
