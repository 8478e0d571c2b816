"""``sentemb encode``."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import completion, console
from .. import options_of_signatures as shared

if TYPE_CHECKING:
    from sentemb.datasets.faults import Faults

EXAMPLES = """Examples:

sentemb encode file.txt

sentemb encode reviews.csv --column review --model runs/mine --keep-columns -o reviews.parquet

sentemb encode file.txt --fast static -o static.npy

sentemb encode file.txt --dims 64 --normalize -o vectors/short.npy

cat file.txt | sentemb encode - -o -

sentemb encode file.txt -o shared.npy --shard 1/2"""


def encode(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="txt, csv, tsv, json, jsonl, parquet, arrow, each also .gz and .zst; - is stdin.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(help="Embedded encoder, folder or hub id.", autocompletion=completion.models),
    ] = "mini-sentemb",
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="File ending in .npy, .jsonl, .parquet, .csv or .safetensors, whose folder is "
            "made; - is jsonl to stdout. By default the input's name with .npy.",
        ),
    ] = None,
    column: Annotated[str, typer.Option(help="Column that holds the texts.")] = "text",
    errors: Annotated[
        str,
        typer.Option(
            help="For a row that is not UTF-8: replace invalid bytes by U+FFFD, skip the row, or "
            "strict, an error. They are counted. Names of columns are never skipped; parquet must "
            "be UTF-8."
        ),
    ] = "replace",
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Encode every N-th window; sentemb merge joins them."),
    ] = None,
    device: shared.Device = None,
    fast: Annotated[
        str | None,
        typer.Option(
            help="static or int8: encode with an export of the model, which is made once and kept "
            "in the cache; what it costs and gains is logged.",
            autocompletion=completion.one_of(("static", "int8")),
        ),
    ] = None,
    devices: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="A process each, one file: cuda:0,cuda:1, or 0,1 for the same, or all GPUs with "
            "all.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output, and a job begun otherwise.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Write an embedding for every row of a file, in order, rows of blank text included.

    A blank line of jsonl, or of a table of several columns, is no row; such lines are counted.

    To resume an interrupted encoding, give the same command again.
    """
    from sentemb.bars import Progress, phase
    from sentemb.bundled import BUNDLED_ENCODERS
    from sentemb.datasets.faults import Faults
    from sentemb.datasets.texts import texts_and_total
    from sentemb.encoders.device import require_device_name
    from sentemb.encoding import EncodeOptions
    from sentemb.encoding.output_file import output_for
    from sentemb.encoding.shards import Shard
    from sentemb.errors import UsageError

    from ..early import check_models, without_effect

    part = Shard.parse(shard) if shard is not None else Shard()
    if output is None and source == "-":
        raise UsageError("Reading stdin, the output needs a name: give --output FILE, or -o -.")
    how = EncodeOptions(shard=part, **options)
    require_device_name(device)
    piped, rules = output == "-", {"overwrite": overwrite, "keep_columns": how.keep_columns}
    target = sys.stdout.buffer if piped else output_for(source, output, part, **rules)
    if piped and as_json:
        raise UsageError("--json and -o - both want stdout: give one of them.")
    without_effect("--overwrite", overwrite and piped, "an output file")
    if source == "-" and column != "text":
        raise UsageError("--column names a column of a file: stdin has lines of text alone.")
    if piped and part.of > 1:
        raise UsageError("A shard is kept beside a file: name it with --output.")
    if source == "-" and how.keep_columns:
        raise UsageError("--keep-columns keeps those of a file: stdin has lines of text alone.")
    if devices is not None and (piped or source == "-" or device or part.of > 1):
        raise UsageError(
            "--devices encodes a file to a file, by shards of its own: it goes without stdin, "
            "-o -, --device and --shard."
        )
    faults = Faults(errors)  # type: ignore[arg-type]
    if model in BUNDLED_ENCODERS:
        console.log(f"model: {model} (bundled)")
    check_models(model)
    texts, total = (
        _stdin(faults)
        if source == "-"
        else texts_and_total(source, column, faults, keep_columns=how.keep_columns)
    )
    console.quieten_before_import()
    with phase("starting"):
        from sentemb.encoding import encode_file
        from sentemb.inference.torch_only import load_encoder

    if fast is not None:
        from sentemb.deployment import faster

        model = str(faster(model, fast))  # type: ignore[arg-type]
    named, cut = "stdout" if piped else str(target), None
    with Progress("encoding", total, "rows") as progress:
        if devices is not None:
            from sentemb.encoding.on_devices import devices_named, encode_on_devices

            to: Any = target
            on = devices_named(devices)
            summary = encode_on_devices(
                model, source, to, on, how, column, faults.errors, overwrite, progress
            )
        else:
            encoder = load_encoder(model, device)
            summary = encode_file(encoder, texts, target, how, overwrite, progress, faults)
            cut = encoder.max_seq_length
    for line in summary.lines(named, cut, part):
        console.log(line)
    if as_json:
        found = {"model": model, "output": named, "summary": summary.to_dict()}
        console.print_json("encode", found)


def _stdin(faults: "Faults") -> tuple[Iterator[str], None]:
    from sentemb.datasets.files import read_stream
    from sentemb.datasets.texts import texts_of

    rows = read_stream(sys.stdin.buffer, "stdin", faults)
    return texts_of(rows, "text", "stdin", faults), None
