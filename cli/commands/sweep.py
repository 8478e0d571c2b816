"""``sentemb sweep``."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .. import options as shared
from ..options_of_signatures import parse_seeds, typed
from .study import Seeds

EXAMPLES = """Examples:

sentemb sweep --search temperature=0.01..0.5 --trials 2 --max-steps 3 --batch-size 16 -o sweeps/one

sentemb sweep --search learning-rate=1e-5..1e-3 --search pooling=cls,mean --trials 2 --max-steps 3
--batch-size 16 -o sweeps/two"""
LEFT_OUT = ("output", "seed", "resume", "allow_changed", "keep_checkpoints", "report_to")
DEFAULTS = {"select": "last"}


def sweep(
    search: Annotated[
        list[str],
        typer.Option(
            metavar="OPTION=VALUES",
            help="An option of sentemb train and its candidates: temperature=0.01..0.5 (on a "
            "logarithmic scale if the ends are a factor of 10 apart) or pooling=cls,mean. "
            "Repeat it for several.",
        ),
    ],
    trials: Annotated[
        int, typer.Option(min=1, help="Number of trials; raise it later to add more.")
    ] = 20,
    seeds: Seeds = "0",
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the runs.")] = Path(
        "sweep"
    ),
    overwrite: shared.Overwrite = False,
    as_json: shared.AsJson = False,
    *,
    options: dict[str, Any],
) -> None:
    """Search the options of a recipe that give the best Spearman on --dev, with optuna.

    The score of a trial is the mean over the seeds. It is the best of many on these pairs: report
    the score on others. Writes results.jsonl and journal.log, optuna's own record. The same
    command resumes after an interruption; models are not kept.

    Needs optuna (extra sweep).
    """
    from ..config import arguments_of_training
    from ..early import check_extra, check_study, check_training, space_of

    check_extra("optuna", "sweep", "sentemb sweep")
    space, chosen = space_of(search, options), parse_seeds(seeds)
    check_study(output)
    check_training(options)
    from sentemb import experiments

    console.quieten_libraries()
    report = experiments.sweep(
        space,
        trials=trials,
        seeds=chosen,
        output=output,
        overwrite=overwrite,
        **arguments_of_training(options),
    )
    words = shlex.join(typed(report["best"]))
    tried = len(report["summary"])
    console.log(f"The best of {tried} on dev, so measure it on other pairs: {words}")
    console.show_report(report, as_json=as_json)
