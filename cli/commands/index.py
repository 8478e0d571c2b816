"""``sentemb index``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from sentemb import signatures

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb index file.txt -o texts.index

sentemb index reviews.csv --column review -o reviews.index

sentemb index reports.jsonl --chunk tokens=120,overlap=20 -o reports.index

sentemb index more.txt -o texts.index --add"""


def index(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="txt, csv, tsv, json, jsonl, parquet, arrow, each also .gz and .zst; vectors in a "
            "column embedding are not made again. - is stdin.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the index.")],
    model: Annotated[
        str | None,
        typer.Option(
            help="Bundled encoder, folder or hub id; by default mini-sentemb, and with --add the "
            "index's own.",
            autocompletion=shared.complete_models,
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            help="Column that holds the texts; by default text, and with --add the index's own."
        ),
    ] = None,
    vectors: shared.GivenVectors = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="exact compares a query with every text, int8 with a byte of each number first, "
            "binary with a bit, hnsw follows a graph (extra search); the last three print what "
            "share they find. By default exact up to a million texts, hnsw above.",
            autocompletion=shared.complete_one_of(("exact", "int8", "binary", "hnsw")),
        ),
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Add the rows to the index that is there.")
    ] = False,
    device: shared.Device = None,
    batch_tokens: shared.BatchTokens = None,
    batch_size: shared.BatchSize = None,
    prompt_name: shared.PromptOfDocuments = None,
    chunk: shared.ChunksOfIndex = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an index that is there.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Encode the texts of a file into an index, which sentemb search reads.

    Equal texts are one, with a count. To resume an interrupted command, give it again.
    """
    from sentemb.encoders.device import require_device_name
    from sentemb.errors import UsageError
    from sentemb.values import require_kind

    from ..early import check_models, check_texts

    if vectors is not None and source == "-":
        raise UsageError("--vectors holds those of a file: name the file.")
    if method is not None:
        choices = signatures.choices("sentemb.tasks.approximate", "SearchMethod")
        require_kind("method", method, Literal[choices])
    require_device_name(device)
    if column is not None or not add:
        check_texts(source, column or "text")
    if model is not None:
        check_models(model)
    elif not add:
        console.log("model: mini-sentemb (bundled)")
    console.quieten_before_import()
    from sentemb.tasks.index import index as make

    made = make(
        console.rows_of(source),
        output,
        model,
        column=column,
        vectors=vectors,
        method=method,  # type: ignore[arg-type]  # looked at there
        add=add,
        device=device,
        batch_tokens=batch_tokens,
        batch_size=batch_size,
        prompt_name=prompt_name,
        chunk=chunk,
        overwrite=overwrite,
    )
    console.log(f"{output}: {made.described()}")
    if as_json:
        console.print_json("index", {"output": str(output), **made.record})
