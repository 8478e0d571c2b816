"""``sentemb encode``."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared

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
    model: shared.AnyModel = "mini-sentemb",
    output: shared.Vectors = None,
    column: Annotated[str, typer.Option(help="Column that holds the texts.")] = "text",
    modality: shared.Modality = None,
    errors: shared.InvalidRows = "replace",
    shard: shared.OneShard = None,
    device: shared.Device = None,
    fast: shared.Fast = None,
    devices: shared.Devices = None,
    overwrite: shared.OverwriteJob = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Write an embedding for every row of a file, in order, rows of blank text included.

    Blank lines of jsonl, or of a table of several columns, are skipped and counted.

    To resume an interrupted encoding, give the same command again.
    """
    from sentemb.bars import Progress, phase
    from sentemb.bundled import BUNDLED_ENCODERS
    from sentemb.datasets.faults import Faults
    from sentemb.datasets.texts import texts_and_total, texts_of_stream
    from sentemb.encoders.device import devices_named, require_device_name
    from sentemb.encoding import EncodeOptions
    from sentemb.encoding.output_file import default_output, output_for
    from sentemb.encoding.shards import Shard

    from .. import early

    part = Shard.parse(shard) if shard is not None else Shard()
    how, stdin, piped = EncodeOptions(shard=part, **options), source == "-", output == "-"
    where = {"device": device, "devices": devices}
    early.check_encoding(source, output, column, how, **where, as_json=as_json)
    require_device_name(device)
    early.check_fast(fast)
    if modality is not None or Path(source).is_dir():
        early.check_beyond_text(source, output, model, devices=devices, fast=fast)
        console.quieten_before_import()
        from sentemb.encoder import load

        kept = {name: value for name, value in asdict(how).items() if name != "shard"}
        kept |= {"shard": shard, "column": column, "modality": modality, "overwrite": overwrite}
        named = output or str(default_output(source))
        found = load(model, device).encode_file(source, named, **kept)
        console.show_encoding(found, model, named, None, how, as_json=as_json)
        return
    on = [] if devices is None else devices_named(devices)
    early.without_effect("--overwrite", overwrite and piped, "an output file")
    rules = {"overwrite": overwrite or devices is not None, "keep_columns": how.keep_columns}
    target: Any = sys.stdout.buffer if piped else output_for(source, output, part, **rules)
    faults = Faults(errors)  # type: ignore[arg-type]
    if model in BUNDLED_ENCODERS:
        console.log(f"model: {model} (bundled)")
    early.check_models(model)
    texts, total = (
        (texts_of_stream(sys.stdin.buffer, "stdin", faults), None)
        if stdin
        else texts_and_total(source, column, faults, keep_columns=how.keep_columns)
    )
    console.quieten_before_import()
    with phase("starting"):
        from sentemb.encoding import encode_file, encode_on_devices
        from sentemb.inference.torch_only import load_encoder

    if fast is not None:
        from sentemb.deployment import faster

        model = str(faster(model, fast))  # type: ignore[arg-type]
    named = "stdout" if piped else str(target)
    encoder = load_encoder(model, device) if devices is None else None
    with Progress("encoding", total, "rows") as progress:
        if encoder is not None:
            summary = encode_file(encoder, texts, target, how, overwrite, progress, faults)
        else:
            rest = faults.errors, overwrite, progress
            summary = encode_on_devices(model, source, target, on, how, column, *rest)
    console.show_encoding(
        summary, model, named, getattr(encoder, "max_seq_length", None), how, as_json=as_json
    )
