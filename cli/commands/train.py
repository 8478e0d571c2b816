"""``sentemb train``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from sentemb.signatures import find_recipe

from .. import console
from .. import options as shared
from ..options_of_signatures import DEFAULT_METHOD, parse_seeds

EXAMPLES = """Examples:

sentemb train --method simcse-unsup --max-steps 5

sentemb train --method simcse-sup --pooling mean --batch-size 64 --max-steps 5 -o runs/mine

sentemb train --view shuffle --view feature-cutoff:0.2 --loss flatnce --max-steps 5 -o runs/cross

sentemb train --method moco --queue-size 512 --batch-size 256 --micro-batch 32 --max-steps 2

sentemb train --method simcse-sup --data nli.csv --data sts.csv --source-loss sts=cosent"""

NO_ARGUMENTS = ("ctx", "options", "output", "seeds", "as_json", "config", "print_config", "dry_run")


def train(
    ctx: typer.Context,
    method: shared.Method = DEFAULT_METHOD,
    data: shared.Data = None,
    columns: shared.Columns = None,
    source_loss: shared.SourceLoss = None,
    source_weight: shared.SourceWeight = None,
    mixing: shared.Mixing = None,
    model: shared.Model = "mini",
    pooling: shared.Pooling = None,
    prompt: shared.Prompt = None,
    include_prompt: shared.IncludePrompt = None,
    bidirectional: shared.Bidirectional = False,
    template: shared.SentenceAround = None,
    lora: shared.Lora = None,
    dev: shared.Dev = None,
    view: shared.View = None,
    loss: shared.Loss = None,
    matryoshka: shared.Matryoshka = None,
    mask_above: shared.MaskAbove = None,
    output: shared.Output = None,
    seeds: shared.Seeds = None,
    resume: shared.Resume = False,
    allow_changed: shared.AllowChanged = None,
    overwrite: shared.Overwrite = False,
    config: shared.Config = None,
    print_config: shared.PrintConfig = False,
    dry_run: shared.DryRun = False,
    as_json: shared.AsJson = False,
    *,
    options: dict[str, Any],
) -> None:
    """Train an encoder; with nothing else given, on what comes with the package.

    sentemb train --method NAME --help also shows the options of that method.

    The model folder loads in plain sentence-transformers.
    """
    given = {k: v for k, v in locals().items() if k not in NO_ARGUMENTS} | options
    from sentemb.bars import phase
    from sentemb.runs.trackers import require_tracker

    from .. import early
    from ..config import arguments_of_training

    folder, chosen = output or Path("runs") / method, parse_seeds(seeds) if seeds else None
    early.without_effect("--allow-changed", bool(allow_changed) and not resume, "--resume")
    early.one_of_seeds(options["seed"], seeds)
    find_recipe(method)
    early.check_config(ctx, config)
    if print_config:
        early.check_training(given)
        early.print_resolved(ctx, config, given)
        return
    early.check_output_of_run(
        folder, resume=resume, overwrite=overwrite, seeds=chosen, reads=early.paths_in(given)
    )
    require_tracker(options["report_to"] or "none")
    with phase("starting"):
        early.check_training(given)
        from sentemb import doors
        from sentemb.errors import FinishedError
        from sentemb.runs.processes import leave_processes, processes

    console.quieten_libraries()
    if dry_run:
        _show_dry_run(arguments_of_training(given), chosen or [options["seed"]], as_json=as_json)
        return
    if not processes().is_main_process:
        console.configure(quiet=True)
    try:
        result = console.run_or_seeds(doors.train, chosen, folder, arguments_of_training(given))
    except FinishedError:
        leave_processes()
        raise
    if as_json and processes().is_main_process:
        console.print_json("train", result)
    leave_processes()


def _show_dry_run(arguments: dict[str, Any], seeds: Sequence[int | None], *, as_json: bool) -> None:
    """Show what one run would be."""
    from sentemb import doors

    plan = doors.train(**{**arguments, "seed": seeds[0], "dry_run": True})
    if as_json:
        console.print_json("dry-run", plan.record | {"seeds": list(seeds)})
        return
    console.show(repr(plan))
    if len(seeds) > 1:
        console.show(f"seeds   {len(seeds)}: each takes as long")
