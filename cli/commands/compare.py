"""``sentemb compare``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared
from .study import Seeds

EXAMPLES = """Examples:

sentemb compare simcse-unsup consert --max-steps 3 --batch-size 16 -o comparisons/two

sentemb compare simcse-unsup mini-sentemb --seeds 0-1 --max-steps 3 --batch-size 16
-o comparisons/seeds"""
LEFT_OUT = ("method", "output", "seed", "resume", "allow_changed", "keep_checkpoints", "report_to")
DEFAULTS = {"select": "last"}


def compare(
    methods: Annotated[
        list[str],
        typer.Argument(
            metavar="METHOD...",
            help="Methods of sentemb train, which are trained, and models, which are measured as "
            "they are: bundled encoders, folders or hub ids.",
            autocompletion=shared.complete_methods_and_models,
        ),
    ],
    seeds: Seeds = "0",
    batch_size: Annotated[
        int, typer.Option(help="Rows per batch.", rich_help_panel=shared.SPEED)
    ] = 64,
    max_steps: Annotated[
        int,
        typer.Option(min=1, help="Optimizer steps.", rich_help_panel=shared.SPEED),
    ] = 100,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the runs.")] = Path(
        "comparison"
    ),
    overwrite: shared.Overwrite = False,
    style: shared.Style = None,
    as_json: shared.AsJson = False,
    *,
    options: dict[str, Any],
) -> None:
    """Train methods on the same data, batches, steps and seeds; measure them and models alike.

    Learning rate and pooling are each method's own where none is given. Measured on the graded
    pairs of --dev: Spearman x 100, alignment and uniformity; and the seconds a training took.

    Writes results.jsonl and compare.png. The same command resumes after an interruption; what was
    trained is not kept.
    """
    from sentemb.signatures import METHODS

    from ..config import arguments_of_training
    from ..early import check_names, check_study, check_training
    from ..options_of_signatures import DEFAULT_METHOD, parse_seeds

    console.require_one_format(as_json=as_json, style=style)
    check_names(methods)
    given = {**options, "batch_size": batch_size, "max_steps": max_steps, "method": DEFAULT_METHOD}
    chosen = parse_seeds(seeds)
    check_study(output)
    for name in methods:
        if name in METHODS:
            check_training(given | {"method": name})
    from sentemb import experiments

    console.quieten_libraries()
    arguments = arguments_of_training(given)
    del arguments["method"]
    report = experiments.compare(
        methods, seeds=chosen, output=output, overwrite=overwrite, **arguments
    )
    console.show_report(report, as_json=as_json, style=style)
