"""``sentemb export``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb export mini-sentemb --static -o runs/static

sentemb export mini-sentemb --static --dim 64 --texts file.txt -o runs/static-64

sentemb export mini-sentemb --static --data file.txt -o runs/learned

sentemb export mini-sentemb --int8 -o runs/int8"""


def export(
    model: shared.ModelArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    static: Annotated[
        bool,
        typer.Option(
            "--static",
            help="Write a static model, a sentence-transformers model: one vector per token, and "
            "the mean of them for a text.",
        ),
    ] = False,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Write an ONNX file with 8-bit integers (extra int8)."),
    ] = False,
    sts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Graded pairs to compare both on: sentence1, sentence2, score; by default the "
            "bundled ones.",
        ),
    ] = None,
    dim: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Dimensions of --static; 0 keeps all. By default 256, or 240 with --data, or the "
            "encoder's if it has fewer.",
        ),
    ] = None,
    texts: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Texts whose counts of tokens weight the vectors of --static; by default Zipf's "
            "law, a token's rank being its place in the vocabulary.",
        ),
    ] = None,
    data: shared.TaughtTexts = None,
    column: Annotated[
        str, typer.Option(help="Column of --texts or --data that holds them.")
    ] = "text",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier export in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make an encoder smaller and faster, and say what it lost.

    Both are scored on the graded pairs (Spearman x 100) and timed on their sentences, in turns, on
    one thread of a CPU. The folder is there when all of it is, with a card and export.json.
    """
    from ..early import check_extra, check_graded, check_models, without_effect

    without_effect(
        "--column", texts is None and data is None and column != "text", "--texts or --data"
    )
    for module in ("onnx", "onnxscript", "onnxruntime") if int8 else ():
        check_extra(module, "int8", "--int8")
    check_models(model)
    check_graded(sts)
    console.quieten_before_import()
    from sentemb import deployment

    record = deployment.export(
        model,
        output,
        static=static,
        int8=int8,
        sts=sts,
        dim=dim,
        texts=texts,
        data=data,
        column=column,
        overwrite=overwrite,
    )
    _log(record, output)
    if as_json:
        console.print_json("export", {"output": str(output), **record})


def _log(record: dict[str, Any], output: Path) -> None:
    header = [record["task"], "Spearman", "sentences/s", "MB", "dim"]
    rows = [
        [
            name,
            f"{side['spearman']:.2f}",
            f"{side['sentences_per_second']:,.0f}",
            f"{side['megabytes']:.1f}",
            str(side["dim"]),
        ]
        for name, side in ((record["model"], record["before"]), (str(output), record["after"]))
    ]
    console.log(console.table(header, rows), table=True)
