"""``sentemb decode``."""

from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb decode runs/decoder vectors.npy

sentemb decode runs/decoder vectors.npy --beams 5 --length-penalty 0.8 -o texts.jsonl

sentemb decode runs/decoder file.txt --samples 3 --cosines -o -

sentemb decode runs/better vectors.npy --rounds 2 -o texts.jsonl

sentemb decode runs/coca photos -o captions.jsonl

sentemb decode runs/decoder --midpoint "A man sings." "A dog barks." """


def decode(
    decoder: Annotated[
        str,
        typer.Argument(
            help="Folder of sentemb train-decoder; or a model of train --method coca, which reads "
            "pictures."
        ),
    ],
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE",
            help="Vectors: a .npy or .safetensors file of sentemb encode; or texts, which are "
            "encoded first; - reads texts from stdin; or a folder of pictures or sounds.",
        ),
    ] = None,
    midpoint: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="TEXT TEXT", help="Decode what lies between two texts."),
    ] = None,
    output: shared.OutputRows = None,
    model: Annotated[
        str | None,
        typer.Option(help="The encoder, where it is no longer where it was in training."),
    ] = None,
    column: shared.Column = "text",
    modality: shared.Modality = None,
    cosines: Annotated[
        bool,
        typer.Option(
            "--cosines",
            help="Encode each written text again, and add its cosine with its vector.",
        ),
    ] = False,
    device: shared.Device = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output, and a job begun otherwise.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Write the text that each vector is of, or a caption of each picture.

    To resume an interrupted decoding into a file, give the same command again.
    """
    from pathlib import Path

    from sentemb.decoders.decode_options import DecodeOptions
    from sentemb.encoders.device import require_device_name
    from sentemb.errors import UsageError
    from sentemb.tasks.row_files import require_row_format

    from ..early import check_models, check_rows_output, check_texts

    how = DecodeOptions(**options)
    target = Path(output) if output not in (None, "-") else None
    if target is None:
        check_rows_output(output, overwrite=overwrite, as_json=as_json)
    else:
        require_row_format(target)
    if (source is None) == (midpoint is None):
        raise UsageError("decode takes a FILE or --midpoint: give one of them.")
    require_device_name(device)
    beyond_text = source is not None and (modality is not None or Path(source).is_dir())
    if beyond_text and source == "-":
        raise UsageError("Pictures and sounds are read by name, not from stdin.")
    if source is not None and not (beyond_text or source.endswith((".npy", ".safetensors"))):
        check_texts(source, column)
    if model is not None:
        check_models(model)
    console.quieten_before_import()
    from sentemb.tasks.decode import decode as write

    found = write(
        decoder,
        None if source is None else console.rows_of(source),
        target,
        midpoint=midpoint,
        model=model,
        column=column,
        modality=modality,  # type: ignore[arg-type]  # looked at there
        cosines=cosines,
        device=device,
        options=how,
        overwrite=overwrite,
    )
    if target is None:
        console.show_or_write(found.report(), found.rows, output, as_json=as_json)
        return
    report = found.report()
    for note in report.notes:
        console.log(note)
    console.log(f"{len(found):,} rows: {target}")
    if as_json:
        console.show_report(report, as_json=True)
