"""`sweep`: a search for the options of a run that give the best dev score, with optuna."""

import logging
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.errors import UsageError, install_command
from sentemb.experiments.ledger import opened
from sentemb.experiments.runner import Point, check_points, run_points
from sentemb.experiments.summaries import summarise, summary_table
from sentemb.jobs.job_data import read_to_measure
from sentemb.jobs.job_record import plan_of
from sentemb.jobs.train_job import TrainJob, train_job
from sentemb.table import Report

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

    from sentemb.datasets import TrainingData
    from sentemb.datasets.in_memory import Container

    Data = str | os.PathLike[str] | Container

logger = logging.getLogger("sentemb")
MEASURES = ("spearman", "alignment", "uniformity")
Value = float | int | str | bool
Space = Mapping[str, Sequence[Value]]
"""Options by name, with their values: two ends of a range (a tuple) or choices (a list)."""


def sweep(
    search: Space,
    method: str = "simcse-unsup",
    data: "Data | TrainingData | None" = None,
    *,
    trials: int = 20,
    seeds: Sequence[int] = (0,),
    output: str | os.PathLike[str] = "sweep",
    overwrite: bool = False,
    **options: Any,
) -> Report:
    """Search the options of a recipe that give the best Spearman on ``dev``, with optuna.

    The score of a trial is the mean over its seeds. The best score is the best of many on these
    pairs: report the score on others. The folder holds ``results.jsonl``, ``journal.log``
    (optuna's own record) and the ledger from which the same call resumes; models are not kept.

    Args:
        search: Settings, options of the recipe or of its loss, and what is tried of each: two ends
            of a range as a tuple, or choices as a list. A range is on a logarithmic scale where
            its ends are a factor of 10 apart.
        method: The recipe's name.
        data: As of `sentemb.train`.
        trials: How many; a later call with more continues.
        seeds: A run of each trial for each.
        output: Folder of the runs.
        overwrite: Whether runs of another sweep make way.
        options: Further arguments of `sentemb.train`, as ``dev``, ``model`` and ``max_steps``.

    Returns:
        A row a trial, the best first; the record has ``plan``, ``best``, ``summary``, ``files``.

    Raises:
        UsageError: When a value is out of range, the folder holds another sweep, or optuna is not
            installed.
        InterruptedRunError: When a signal ended it; the same call resumes.

    Example:
        ``sweep({"temperature": (0.01, 0.5), "pooling": ["cls", "mean"]}, data=texts, trials=20)``
    """
    if find_spec("optuna") is None:
        raise UsageError(f"sweep needs optuna: {install_command('sweep')}.")
    job = train_job(method, data, **{"select": "last", **options})
    folder, shown = Path(output), {name: name.replace("_", "-") for name in search}
    first = {name: values[0] for name, values in search.items()}
    each = [first | {name: value} for name, values in search.items() for value in values]
    jobs = [_with_all(job, one) for one in each]
    rows, dev = read_to_measure(job)
    check_points([Point("", {}, one) for one in jobs], rows)
    tried = {shown[name]: [str(v) for v in values] for name, values in search.items()}
    plan = {"search": tried, "seeds": list(seeds), **plan_of(job, rows, dev)}
    by = (*search, "trial")
    with opened(folder, plan, overwrite=overwrite) as ledger:
        ledger.claim("journal.log")
        study, results = _study(folder), []
        for number in range(trials):
            values = _ask(study, number, search)
            if values is None:
                continue
            points = _points(_with_all(job, values), number, values, seeds)
            runs = run_points(ledger, points, rows, dev, dev)
            _tell(study, number, runs)
            results += runs
        files = [ledger.write_lines([_without_seconds(one) for one in results])]
    lines = summarise(results, by, MEASURES)
    lines.sort(key=lambda line: -line["spread"].get("spearman", {"mean": -math.inf})["mean"])
    best = {name: lines[0][name] for name in search}
    found = {"plan": plan, "best": best, "summary": lines, "files": [str(f) for f in files]}
    return Report("sweep", found, [summary_table(lines, by, MEASURES, shown)])


def _with_all(job: TrainJob, values: Mapping[str, Value]) -> TrainJob:
    """Return the job of a trial."""
    for name, value in values.items():
        job = job.with_value(name, value)
    return job


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
    """Tell the score of a trial that is running; one whose loss was not a number has failed."""
    from optuna.trial import TrialState

    if study.get_trials(deepcopy=False)[number].state.is_finished():
        return
    if any("error" in run for run in runs):
        study.tell(number, state=TrialState.FAIL)
    else:
        study.tell(number, statistics.mean(run["spearman"] for run in runs))


def _points(
    job: TrainJob, number: int, values: Mapping[str, Value], seeds: Sequence[int]
) -> list[Point]:
    labels = {**values, "trial": number}
    return [
        Point(f"{number:04d}-{seed}", {**labels, "seed": seed}, job.with_seed(seed))
        for seed in seeds
    ]


def _without_seconds(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "seconds"}
