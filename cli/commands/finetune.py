"""``sentemb finetune``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared
from ..options_of_signatures import flag_of, parse_seeds

EXAMPLES = """Examples:

sentemb finetune --r-drop 1.0 --lr 3e-4 --epochs 1

sentemb finetune --data train.tsv --dev dev.tsv --supcon 0.1 --lr 3e-4 --epochs 1 -o runs/supcon

sentemb finetune --data train.tsv --dev dev.tsv --columns text,label --metric f1_macro --epochs 1
-o runs/f1"""
ADDED = ("r_drop", "supcon", "supcon_temperature", "contrast", "contrast_temperature")
PANELS = dict.fromkeys(ADDED, "What is added to the task's loss")


def finetune(
    data: Annotated[
        str | None,
        typer.Option(help="text and label, or sentence1, sentence2 and label (or score)."),
    ] = None,
    dev: Annotated[
        str | None,
        typer.Option(
            help="Rows of the same kind, which choose the checkpoint. By default a tenth of the "
            "data, with its share of every label."
        ),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns of the files, in that order, commas between.")
    ] = None,
    regression: Annotated[
        bool, typer.Option("--regression", help="The labels are scores.")
    ] = False,
    model: shared.AnyModel = "mini",
    output: Annotated[Path, typer.Option("--output", "-o", help="Model folder.")] = Path(
        "runs/finetune"
    ),
    seeds: Annotated[str | None, typer.Option(help="Train once per seed: 0-4, or 1,7,42.")] = None,
    resume: shared.Resume = False,
    allow_changed: shared.AllowChanged = None,
    overwrite: shared.Overwrite = False,
    as_json: shared.AsJson = False,
    *,
    options: dict[str, Any],
) -> None:
    """Fine-tune a classifier (or a regression), with R-Drop and contrast where they are asked for.

    The folder is a plain transformers model: pipeline("text-classification", FOLDER).
    """
    from sentemb.datasets.layouts import LABELLED, SCORED
    from sentemb.errors import UsageError
    from sentemb.finetuning.settings import FinetuneSettings
    from sentemb.runs.trackers import require_tracker

    from ..early import (
        check_columns,
        check_models,
        check_output_of_run,
        check_readable,
        one_of_seeds,
        without_effect,
    )

    require_tracker(options["report_to"])
    settings, chosen = FinetuneSettings(**options), parse_seeds(seeds) if seeds else None
    names = columns.split(",") if columns else None
    if data is None and dev is not None:
        raise UsageError("--dev is given without --data: give both.")
    for weight in ("supcon", "contrast"):
        name = f"{weight}_temperature"
        changed = options[name] != getattr(FinetuneSettings, name)
        without_effect(flag_of(name), changed and not options[weight], f"--{weight}")
    without_effect("--allow-changed", bool(allow_changed) and not resume, "--resume")
    one_of_seeds(settings.seed, seeds)
    reads = [path for path in (data, dev, model) if path]
    check_output_of_run(output, resume=resume, overwrite=overwrite, seeds=chosen, reads=reads)
    if data is not None:
        check_columns(data, SCORED if regression else LABELLED, names)
    if dev is not None:
        check_readable(Path(dev))
    check_models(model)
    from sentemb import doors

    console.quieten_libraries()
    arguments = {"data": data, "dev": dev, "columns": names, "regression": regression}
    arguments |= {"model": model, "resume": resume, "overwrite": overwrite, **options}
    arguments |= {"allow_changed": allow_changed or []}
    result = console.run_or_seeds(doors.finetune, chosen, output, arguments)
    if as_json:
        console.print_json("finetune", result)
