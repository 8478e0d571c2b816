"""``sentemb finetune``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import console

EXAMPLES = """Examples:

sentemb finetune --rdrop 1.0 --lr 3e-4 --epochs 1

sentemb finetune --data train.tsv --dev dev.tsv --supcon 0.1 --lr 3e-4 --epochs 1 -o runs/supcon

sentemb finetune --data train.tsv --dev dev.tsv --columns text,label --metric f1_macro --epochs 1
-o runs/f1"""
LAYOUTS = [("sentence1", "sentence2", "label"), ("text", "label")]
SCORED = [("sentence1", "sentence2", "score"), ("text", "score")]

PANEL = "What is added to the task's loss"


def finetune(
    data: Annotated[
        str | None,
        typer.Option(help="text and label, or sentence1, sentence2 and label (or score)."),
    ] = None,
    dev: Annotated[
        str | None, typer.Option(help="The same; chooses the checkpoint. Needed beside --data.")
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns of the files, in that order, commas between.")
    ] = None,
    regression: Annotated[bool, typer.Option("--regression", help="Labels are scores.")] = False,
    model: Annotated[str, typer.Option(help="Embedded encoder, folder or hub id.")] = "mini",
    output: Annotated[Path, typer.Option("--output", "-o", help="Model folder.")] = Path(
        "runs/finetune"
    ),
    rdrop: Annotated[float, typer.Option(help="α of R-Drop, as 1.0.", rich_help_panel=PANEL)] = 0.0,
    supcon: Annotated[
        float, typer.Option(help="λ of supervised contrast, as 0.1.", rich_help_panel=PANEL)
    ] = 0.0,
    supcon_temperature: Annotated[float, typer.Option(help="Its τ.", rich_help_panel=PANEL)] = 0.3,
    contrast: Annotated[
        float, typer.Option(help="γ of SimCSE's contrast, as 0.1.", rich_help_panel=PANEL)
    ] = 0.0,
    contrast_temperature: Annotated[
        float, typer.Option(help="Its τ.", rich_help_panel=PANEL)
    ] = 0.05,
    batch_size: Annotated[int, typer.Option(help="Rows a step.")] = 32,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", "--lr", help="Peak of the linear decay.")
    ] = 2e-5,
    epochs: Annotated[float, typer.Option(help="Passes over the data.")] = 3,
    max_length: Annotated[int, typer.Option(help="Tokens a row is truncated to.")] = 128,
    metric: Annotated[
        str,
        typer.Option(
            help="accuracy, f1, f1_macro, f1_micro, mcc, pearson or spearman; chooses the epoch."
        ),
    ] = "auto",
    patience: Annotated[
        int, typer.Option(help="Stop after so many epochs without a better one; 0: never.")
    ] = 0,
    accumulation: Annotated[int, typer.Option(help="Batches an optimizer step.")] = 1,
    max_bad_steps: Annotated[
        int,
        typer.Option(help="Stop after so many steps in a row whose loss is no number; each skips."),
    ] = 3,
    precision: Annotated[
        str, typer.Option(help="fp32, bf16 or fp16; auto is fp16 on a GPU, fp32 on a CPU.")
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of everything.")] = 42,
    seeds: Annotated[str | None, typer.Option(help="Several runs: 0-4, or 1,7,42.")] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from the last checkpoint; with --seeds, with what is left of them.",
        ),
    ] = False,
    allow_changed: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-changed",
            metavar="NAME",
            help="Resume although this is not as it was when the run was started, as "
            "learning_rate or data; once for each.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier run in the folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fine-tune a classifier (or a regression), with R-Drop and contrast where they are asked for.

    The folder is a plain transformers model: pipeline("text-classification", FOLDER).
    """
    options = {name: value for name, value in locals().items() if name not in NOT_SETTINGS}
    options["r_drop"] = options.pop("rdrop")
    from sentemb.finetuning.settings import FinetuneSettings

    from ..early import (
        check_columns,
        check_models,
        check_output_of_run,
        check_readable,
        one_of_seeds,
        without_effect,
    )
    from ..settings import parse_seeds

    settings = FinetuneSettings(**options)
    chosen = parse_seeds(seeds) if seeds is not None else None
    names, layouts = columns.split(",") if columns else None, SCORED if regression else LAYOUTS
    _check_together(data, dev)
    tau, own_tau = supcon_temperature != 0.3, contrast_temperature != 0.05
    without_effect("--supcon-temperature", tau and not supcon, "--supcon")
    without_effect("--contrast-temperature", own_tau and not contrast, "--contrast")
    without_effect("--allow-changed", bool(allow_changed) and not resume, "--resume")
    one_of_seeds(seed, seeds)
    reads = [path for path in (data, dev, model) if path]
    check_output_of_run(output, resume=resume, overwrite=overwrite, seeds=chosen, reads=reads)
    if data is not None and dev is not None:
        check_columns(data, layouts, names)
        check_readable(Path(dev))
    check_models(model)
    from ..finetune_runs import Job, run_seeds

    console.quieten_libraries()
    job = Job(
        data=data,
        dev=dev,
        columns=names,
        layouts=layouts,
        model=model,
        output=output,
        settings=settings,
        resume=resume,
        allow_changed=allow_changed or [],
        overwrite=overwrite,
    )
    result = run_seeds(job, chosen)
    if as_json:
        console.print_json("finetune", result)


def _check_together(data: str | None, dev: str | None) -> None:
    from sentemb.errors import UsageError

    if (data is None) != (dev is None):
        raise UsageError("--data and --dev go together: the dev set chooses the checkpoint.")


NOT_SETTINGS = {
    *("data", "dev", "columns", "regression", "model", "output", "seeds"),
    *("resume", "allow_changed", "overwrite", "as_json"),
}
