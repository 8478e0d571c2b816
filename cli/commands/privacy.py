"""``sentemb privacy``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb privacy runs/decoder file.txt --dims 64,128 --int8 --binary --noise 0.05

sentemb privacy runs/decoder file.txt --binary --plot privacy.png

sentemb privacy mini-sentemb file.txt --binary --keep-decoder runs/decoder-of-mini"""


def privacy(
    decoder: Annotated[
        str,
        typer.Argument(
            help="Folder of sentemb train-decoder. Or an encoder (bundled, folder or hub id): its "
            "decoder is trained on the texts but each tenth, and these are read back."
        ),
    ],
    source: shared.Texts,
    dims: Annotated[
        str | None, typer.Option(metavar="DIMS", help="Keep the first so many numbers: 64,128.")
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Round each number to 8 bits.")] = False,
    binary: Annotated[bool, typer.Option("--binary", help="Keep the signs.")] = False,
    noise: Annotated[
        str | None,
        typer.Option(metavar="NUMBERS", help="Add noise of this deviation to each number: 0.05."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The encoder, where it is no longer where the decoder was trained for it."
        ),
    ] = None,
    column: shared.Column = "text",
    beams: Annotated[int, typer.Option(min=1, help="Beams of the search; 1 is greedy.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
    keep_decoder: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Of an encoder: folder of its decoder, in which the same command continues; by "
            "default runs/decoder-of-NAME.",
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--plot", metavar="PNG", help="Draw the table as a picture.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the picture.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    *,
    options: dict[str, Any],
) -> None:
    """Say how much of texts can be read back from their vectors, whole, cut, coarse or noisy.

    Train the decoder on other texts of the same kind, or name the encoder alone. What is read is a
    lower bound: a larger decoder, or one that was trained on such vectors, reads more.
    """
    from sentemb.decoders.settings import DecoderSettings
    from sentemb.errors import UsageError

    from ..early import check_models, check_picture, check_texts, without_effect

    without_effect("--overwrite", overwrite and picture is None, "--plot")
    if picture is not None:
        check_picture(picture, overwrite=overwrite)
    try:
        kept = [int(part) for part in dims.split(",")] if dims else []
        deviations = [float(part) for part in noise.split(",")] if noise else []
    except ValueError as error:
        raise UsageError(
            "--dims and --noise take numbers, commas between: --dims 64,128 --noise 0.05."
        ) from error
    check_texts(source, column)
    if model is not None:
        check_models(model)
    console.quieten_before_import()
    from sentemb.tasks.privacy import is_decoder
    from sentemb.tasks.privacy import privacy as measure

    given = {k: v for k, v in options.items() if v != getattr(DecoderSettings, k)}
    if not is_decoder(decoder):
        keep_decoder = keep_decoder or Path("runs", f"decoder-of-{Path(decoder).name}")
    found = measure(
        decoder,
        console.rows_of(source),
        dims=kept,
        int8=int8,
        binary=binary,
        noise=deviations,
        model=model,
        column=column,
        beams=beams,
        seed=seed,
        keep_decoder=keep_decoder,
        **given,
    )
    if picture is not None:
        console.log(f"picture: {found.plot(picture)}")
    console.show_report(found.report(), as_json=as_json)
