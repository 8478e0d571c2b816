"""``sentemb study``."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared

EXAMPLES = """Examples:

sentemb study temperature --max-steps 3 --batch-size 16 -o studies/temperature

sentemb study batch-size --values 8,16 --max-steps 3 -o studies/batch-size

sentemb study temperature --values 0.05,0.5 --loss infonce --loss hard-contrastive:count=8
--seeds 0-1 --max-steps 3 --batch-size 16 -o studies/hard"""

TEMPERATURES = "0.01,0.02,0.05,0.07,0.1,0.2,0.5,1"
Values = Annotated[
    str | None,
    typer.Option(
        help=f"Of the option, with commas between; of temperature by default {TEMPERATURES}."
    ),
]
Losses = Annotated[
    list[str] | None,
    typer.Option(
        help="In place of the method's loss; once for each. One that has no such option is trained "
        "once. For temperature and simcse-unsup by default infonce, hard-contrastive and "
        "simple-contrastive.",
        rich_help_panel=shared.METHOD,
    ),
]
Seeds = Annotated[
    str,
    typer.Option(
        help="A run for each: 0-4, or 1,7,42.",
        rich_help_panel=shared.RUN,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        help="Sentences with a class (text, label), for the tolerance; by default the bundled "
        "topics.",
        rich_help_panel=shared.DATA,
    ),
]
LEFT_OUT = ("output", "seed", "resume", "allow_changed", "keep_checkpoints")
DEFAULTS = {"select": "last"}


def study(
    option: Annotated[str, typer.Argument(help="Option of sentemb train, as temperature.")],
    values: Values = None,
    loss: Losses = None,
    seeds: Seeds = "0",
    labels: Labels = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; by default studies/OPTION."),
    ] = None,
    overwrite: shared.Overwrite = False,
    as_json: shared.AsJson = False,
    *,
    options: dict[str, Any],
) -> None:
    """Train a recipe over values of one option, and draw what it does to the embeddings.

    Every run starts from the same model and reads the same rows. Measured on the graded pairs of
    --dev: Spearman x 100, uniformity, alignment and local separation; on --labels: tolerance.

    Writes results.jsonl and study.png. The same command goes on where it was stopped; models are
    not kept.
    """
    from ..early import check_columns, check_job, check_study
    from ..jobs import job_from, parse_seeds
    from ..varied import default_losses, default_values, find_option, points_of, read_values

    folder = output or Path("studies") / option.removeprefix("--")
    job = job_from({**options, "loss": None}, folder)
    losses = loss or default_losses(option, job)
    varied = find_option(option, job, losses)
    chosen, every = read_values(varied, values or default_values(varied)), parse_seeds(seeds)
    check_study(folder)
    for words in losses:
        check_job(replace(job, loss=words))
    check_job(job)
    if labels is not None:
        check_columns(labels, [("text", "label")])
    from sentemb.experiments import Grid
    from sentemb.experiments import study as run

    console.quieten_libraries()
    points = points_of(job, varied, chosen, losses, every)
    grid = Grid(varied.flag, chosen, losses, every, points)
    report = run(job, grid, labels=labels, output=folder, overwrite=overwrite)
    console.show_report(report, as_json=as_json)
