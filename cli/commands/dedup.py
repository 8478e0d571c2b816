"""``sentemb dedup``."""

from typing import Annotated

import typer

from .. import completion, console
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
            autocompletion=completion.one_of(("first", "longest", "medoid")),
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
    vectors: shared.VectorsOf = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="File for the rows that are kept, ending in .txt, .jsonl, .csv, .tsv or .parquet; "
            "- is jsonl to stdout.",
        ),
    ] = None,
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
    from sentemb.tasks.row_files import require_row_file, write_rows

    from ..early import check_models
    from ..texts import one_stream, texts_given

    target = one_stream(output, as_json=as_json)
    if target is not None:
        require_row_file(target, overwrite=overwrite, texts_alone=True)
    require_device_name(device)
    texts = texts_given(source, column)
    others = None if against is None else texts_given(against, column)
    check_models(model)
    from sentemb.tasks.dedup import dedup as find

    console.quieten_before_import()
    found = find(
        *(texts, model),
        threshold=threshold,
        against=others,
        keep=keep,  # type: ignore[arg-type]  # the library looks at it
        complete=complete,
        facts=facts,
        column=column,
        vectors=vectors,
        device=device,
        batch_tokens=batch_tokens,
    )
    if output is not None:
        write_rows(found.rows(), target)
    console.show_found(found.report(), output=output, as_json=as_json)
