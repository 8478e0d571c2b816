"""``sentemb dedup``."""

from typing import Annotated

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb dedup file.txt -o unique.txt

sentemb dedup reviews.csv --column review --threshold 0.95 --keep longest -o unique.csv

sentemb dedup train.txt --against test.txt -o clean.txt

sentemb dedup file.txt --threshold threshold.json --json"""


def dedup(
    source: shared.Texts,
    model: shared.AnyModel = "mini-sentemb",
    threshold: Annotated[
        str,
        typer.Option(
            metavar="COSINE|FILE",
            help="Least cosine of two duplicates; or a file of sentemb calibrate, which says how "
            "often it is wrong.",
        ),
    ] = "0.9",
    against: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Another set, as a test set: rows that are duplicates of one of its rows are "
            "removed, and no others.",
        ),
    ] = None,
    keep: Annotated[
        str,
        typer.Option(
            help="Row of a group that is kept: first, longest, or medoid, the most central one.",
            autocompletion=shared.complete_one_of(("first", "longest", "medoid")),
        ),
    ] = "first",
    complete: Annotated[
        bool,
        typer.Option(
            "--complete",
            help="Split groups so that any two of their rows reach the threshold.",
        ),
    ] = False,
    facts: Annotated[
        bool,
        typer.Option(help="Keep texts apart whose numbers or negations differ."),
    ] = True,
    column: shared.Column = "text",
    vectors: shared.GivenVectors = None,
    output: shared.OutputTexts = None,
    device: shared.Device = None,
    batch_tokens: shared.BatchTokens = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find texts that say the same, keep one of each group, and show the groups.

    Equal texts are always duplicates. Texts whose numbers or negations differ never are, unless
    --no-facts. To measure a threshold for your data, use sentemb calibrate.
    """
    from sentemb.encoders.device import require_device_name
    from sentemb.tasks.threshold import parsed

    from ..early import check_models, check_rows_output, check_texts

    check_rows_output(output, overwrite=overwrite, as_json=as_json, texts_alone=True)
    require_device_name(device)
    check_texts(source, column)
    if against is not None:
        check_texts(against, column)
    parsed(threshold)
    check_models(model)
    from sentemb.tasks.dedup import dedup as find

    console.quieten_before_import()
    found = find(
        *(console.rows_of(source), model),
        threshold=threshold,
        against=None if against is None else console.rows_of(against),
        keep=keep,  # type: ignore[arg-type]  # the library looks at it
        complete=complete,
        facts=facts,
        column=column,
        vectors=vectors,
        device=device,
        batch_tokens=batch_tokens,
    )
    console.show_or_write(found.report(), found.rows(), output, as_json=as_json)
