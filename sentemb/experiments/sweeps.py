"""`sweep`: a search for the options of a run that give the best dev score, with optuna."""

import logging
import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.experiments.ledger import opened
from sentemb.experiments.runner import Job, Point, check_points, run_points
from sentemb.experiments.summaries import summarise, summary_table
from sentemb.table import Report

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

logger = logging.getLogger("sentemb")
MEASURES = ("spearman", "alignment", "uniformity")
Value = float | int | str | bool
Space = Mapping[str, Sequence[Value]]
"""Options by name, with their values: two ends of a range (a tuple) or choices (a list)."""


def sweep(
    job: Job,
    space: Space,
    given: Callable[[Mapping[str, Value]], Job],
    *,
    called: Mapping[str, str] | None = None,
    trials: int = 20,
    seeds: Sequence[int] = (0,),
    output: str | os.PathLike[str],
    overwrite: bool = False,
) -> Report:
    """Run the trials that are not done yet; the score of one is the mean over its seeds.

    The best score is the best of many on these pairs: report the score on others.

    Args:
        job: The run that all others are variations of.
        space: What is searched.
        given: From the values of a trial to its run.
        called: What options are called where they are shown; by default by their names.
        trials: How many.
        seeds: A run of each trial for each.
        output: Folder of the runs; also gets ``journal.log``, optuna's own record.
        overwrite: Whether runs of another sweep make way.

    Returns:
        A row a trial, the best first; the record has ``plan``, ``best``, ``summary``, ``files``.

    Raises:
        UsageError: When a value is out of range, or the folder holds another sweep.
        InterruptedRunError: When a signal ended it; the same call goes on.
    """
    folder, names = Path(output), called or {}
    data, dev = job.read()
    first = {name: values[0] for name, values in space.items()}
    each = [first | {name: value} for name, values in space.items() for value in values]
    check_points([Point("", {}, given(one)) for one in each], data)
    tried = {names.get(name, name): [str(v) for v in values] for name, values in space.items()}
    plan = {"search": tried, "seeds": list(seeds), **job.plan(data, dev)}
    by = (*space, "trial")
    with opened(folder, plan, overwrite=overwrite) as ledger:
        ledger.claim("journal.log")
        study, results = _study(folder), []
        for number in range(trials):
            values = _ask(study, number, space)
            if values is None:
                continue
            runs = run_points(ledger, _points(given(values), number, values, seeds), data, dev, dev)
            _tell(study, number, runs)
            results += runs
        files = [ledger.write_lines([_without_seconds(one) for one in results])]
    lines = summarise(results, by, MEASURES)
    lines.sort(key=lambda line: -line["spread"].get("spearman", {"mean": -math.inf})["mean"])
    best = {name: lines[0][name] for name in space}
    found = {"plan": plan, "best": best, "summary": lines, "files": [str(f) for f in files]}
    return Report("sweep", found, [summary_table(lines, by, MEASURES, names)])


def _distribution(values: Sequence[Value]) -> "BaseDistribution":
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(values, list):
        return CategoricalDistribution(values)
    low, high = values
    log = float(low) > 0 and float(high) >= 10 * float(low)
    if isinstance(low, int):
        return IntDistribution(low, int(high), log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _study(output: Path) -> "Study":
    """Open optuna's journal; whoever held it was killed, as the folder is ours now."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    (output / "journal.log.lock").unlink(missing_ok=True)
    storage = JournalStorage(JournalFileBackend(str(output / "journal.log")))
    return optuna.create_study(
        study_name="sweep", storage=storage, direction="maximize", load_if_exists=True
    )


def _ask(study: "Study", number: int, space: Space) -> dict[str, Value] | None:
    """Return the values of a trial: those it was begun with, or new ones.

    New ones depend on what is known and on the number alone, so a sweep that was stopped tries
    what one that was not would have. None for a trial that was killed before it had its values.
    """
    from optuna.samplers import TPESampler
    from optuna.trial import TrialState

    known = study.get_trials(deepcopy=False)
    if number < len(known):
        if len(known[number].params) == len(space):
            return dict(known[number].params)
        if not known[number].state.is_finished():
            study.tell(number, state=TrialState.FAIL)
        return None
    study.sampler = TPESampler(seed=number)
    return study.ask({name: _distribution(v) for name, v in space.items()}).params


def _tell(study: "Study", number: int, runs: Sequence[dict[str, Any]]) -> None:
    """Tell the score of a trial that is running; one whose loss was no number has failed."""
    from optuna.trial import TrialState

    if study.get_trials(deepcopy=False)[number].state.is_finished():
        return
    if any("error" in run for run in runs):
        study.tell(number, state=TrialState.FAIL)
    else:
        study.tell(number, statistics.mean(run["spearman"] for run in runs))


def _points(
    job: Job, number: int, values: Mapping[str, Value], seeds: Sequence[int]
) -> list[Point]:
    labels = {**values, "trial": number}
    return [
        Point(f"{number:04d}-{seed}", {**labels, "seed": seed}, job.with_seed(seed))
        for seed in seeds
    ]


def _without_seconds(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "seconds"}
