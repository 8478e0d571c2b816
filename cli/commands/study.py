"""``sentemb study``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sentemb.errors import UsageError

from .. import console
from .. import options as shared
from ..options_of_signatures import parse_seeds

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
        help="Losses to compare, instead of the method's. Repeat it for several. A loss without "
        "the option is trained once. For temperature and simcse-unsup, by default infonce, "
        "hard-contrastive and simple-contrastive.",
        rich_help_panel=shared.METHOD,
        autocompletion=shared.complete_losses,
    ),
]
Seeds = Annotated[
    str,
    typer.Option(
        help="Train once per seed: 0-4, or 1,7,42.",
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
LEFT_OUT = ("output", "seed", "resume", "allow_changed", "keep_checkpoints", "report_to")
DEFAULTS = {"select": "last"}


def study(
    option: Annotated[
        str, typer.Argument(help="Option of sentemb train, for example temperature.")
    ],
    values: Values = None,
    loss: Losses = None,
    seeds: Seeds = "0",
    labels: Labels = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; by default studies/OPTION."),
    ] = None,
    overwrite: shared.Overwrite = False,
    style: shared.Style = None,
    as_json: shared.AsJson = False,
    *,
    options: dict[str, Any],
) -> None:
    """Train a recipe over values of one option, and draw what it does to the embeddings.

    Every run starts from the same model and reads the same rows. Measured on the graded pairs of
    --dev: Spearman x 100, uniformity, alignment and local separation; on --labels: tolerance.

    Writes results.jsonl and study.png. The same command resumes after an interruption; models are
    not kept.
    """
    from sentemb.notation import read_values

    from ..config import arguments_of_training
    from ..early import check_columns, check_study, check_training, varied_by

    console.require_one_format(as_json=as_json, style=style)
    folder, typed = output or Path("studies") / option.removeprefix("--"), {**options, "loss": None}
    varied, chosen = varied_by(option, typed, loss or []), parse_seeds(seeds)
    numbers = read_values(varied, values) if values else None
    if numbers is None and varied.name != "temperature":
        raise UsageError(f"Which values of {option}? Give them as --values A,B,C.")
    check_study(folder)
    check_training(typed, loss or [])
    if labels is not None:
        check_columns(labels, [("text", "label")])
    from sentemb import experiments

    console.quieten_libraries()
    report = experiments.study(
        varied.name,
        numbers,
        losses=loss or None,
        seeds=chosen,
        labels=labels,
        output=folder,
        overwrite=overwrite,
        **arguments_of_training(typed),
    )
    console.show_report(report, as_json=as_json, style=style)
