"""``sentemb train-decoder``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sentemb import signatures

from .. import console
from .. import options as shared

KINDS = signatures.choices("sentemb.decoders.kinds", "KindName")
EXAMPLES = """Examples:

sentemb train-decoder mini-sentemb file.txt -o runs/decoder

sentemb train-decoder mini-sentemb file.txt --kind capdec --epochs 1 -o runs/capdec

sentemb train-decoder mini-sentemb file.txt --kind corrector --corrects runs/decoder -o runs/better

sentemb train-decoder mini-sentemb file.txt -o runs/decoder --resume"""


def train_decoder(
    model: Annotated[
        str,
        typer.Argument(
            help="The encoder: bundled, folder or hub id.", autocompletion=shared.complete_models
        ),
    ],
    texts: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="Texts: txt, csv, tsv, json, jsonl, parquet, arrow, each also .gz."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the decoder.")] = Path(
        "runs/decoder"
    ),
    kind: Annotated[
        str,
        typer.Option(
            help="prefix, two layers between vector and language model; prefix-transformer; decap, "
            "with a memory of texts; capdec, with noise; or corrector, which reads the text of "
            "another decoder. decap and capdec read vectors that are not of texts.",
            autocompletion=shared.complete_one_of(
                signatures.choices("sentemb.decoders.kinds", "KindName")
            ),
        ),
    ] = "prefix",
    corrects: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Of a corrector: the decoder whose texts it corrects."),
    ] = None,
    language_model: Annotated[
        str | None,
        typer.Option(
            help="Folder or hub id of a causal language model to start from; by default a new one "
            "of at most 10 million parameters."
        ),
    ] = None,
    column: shared.Column = "text",
    resume: shared.Resume = False,
    allow_changed: shared.AllowChanged = None,
    overwrite: shared.Overwrite = False,
    as_json: shared.AsJson = False,
    *,
    options: dict[str, Any],
) -> None:
    """Train a small language model to write the text that a vector of an encoder is of.

    Use sentemb decode on the folder afterwards.
    """
    from sentemb.decoders.settings import DecoderSettings
    from sentemb.runs.trackers import require_tracker

    from ..early import (
        check_choice,
        check_models,
        check_output_of_run,
        check_texts,
        without_effect,
    )

    require_tracker(options["report_to"])
    settings = DecoderSettings(**options)
    check_choice("kind", kind, "sentemb.decoders.kinds", "KindName")
    without_effect("--allow-changed", bool(allow_changed) and not resume, "--resume")
    check_output_of_run(
        output,
        resume=resume,
        overwrite=overwrite,
        seeds=None,
        reads=[name for name in (model, texts, corrects) if name is not None],
    )
    check_texts(texts, column)
    check_models(model)
    console.quieten_before_import()
    from sentemb.decoders.run import train_decoder as train
    from sentemb.runs.processes import leave_processes, processes

    first = processes().is_main_process
    if not first:
        console.configure(quiet=True)
    run = train(
        *(model, texts, output, settings),
        kind=kind,  # type: ignore[arg-type]  # it was looked at
        corrects=corrects,
        language_model=language_model,
        column=column,
        resume=resume,
        overwrite=overwrite,
        allow_changed=allow_changed or [],
    )
    if as_json and first:
        console.print_json("train-decoder", {**run.record, "output": str(output)})
    leave_processes()
