"""From the words of a ``sweep`` command to trials and the best of them."""

import math
import shlex
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.experiments import opened
from sentemb.experiments.summaries import summarise, summary_table
from sentemb.table import Report

from . import console
from .jobs import Job
from .points import Point, check_points, plan_of, read_with_dev, run_points
from .sweep_space import Space
from .varied import Value

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

MEASURES = ("spearman", "alignment", "uniformity")


def run_sweep(
    job: Job,
    space: Space,
    trials: int,
    seeds: Sequence[int],
    output: Path,
    *,
    overwrite: bool,
) -> Report:
    """Run the trials that are not done yet; return all, and their table, the best first.

    Raises:
        UsageError: When a value is out of range, or the folder holds another sweep.
    """
    data, dev = read_with_dev(job)
    first = {name: values[0] for name, (_, values) in space.items()}
    each = [first | {name: value} for name, (_, values) in space.items() for value in values]
    check_points([Point("", {}, _given(job, space, one)) for one in each], data)
    tried = {option.flag: [str(v) for v in values] for option, values in space.values()}
    plan = {"search": tried, "seeds": list(seeds), **plan_of(job, data, dev)}
    by = (*space, "trial")
    with opened(output, plan, overwrite=overwrite) as ledger:
        ledger.claim("journal.log")
        study, results = _study(output), []
        for number in range(trials):
            values = _ask(study, number, space)
            if values is None:
                continue
            runs = run_points(ledger, _points(job, space, number, values, seeds), data, dev, dev)
            _tell(study, number, runs)
            results += runs
        files = [ledger.write_lines([_without_seconds(one) for one in results])]
    lines = summarise(results, by, MEASURES)
    lines.sort(key=lambda line: -line["spread"].get("spearman", {"mean": -math.inf})["mean"])
    table = summary_table(lines, by, MEASURES, {n: o.flag for n, (o, _) in space.items()})
    best = {name: lines[0][name] for name in space}
    typed = shlex.join(_typed(_given(job, space, best), space, best))
    console.log(f"The best of {len(lines)} on dev, so measure it on other pairs: {typed}")
    found = {"plan": plan, "best": best, "summary": lines, "files": [str(f) for f in files]}
    return Report("sweep", found, [table])


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
    return study.ask({name: _distribution(v) for name, (_, v) in space.items()}).params


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
    job: Job, space: Space, number: int, values: Mapping[str, Value], seeds: Sequence[int]
) -> list[Point]:
    job = _given(job, space, values)
    labels = {**values, "trial": number}
    return [
        Point(f"{number:04d}-{seed}", {**labels, "seed": seed}, job.with_seed(seed, job.output))
        for seed in seeds
    ]


def _given(job: Job, space: Space, values: Mapping[str, Value]) -> Job:
    for name, (option, _) in space.items():
        job = option.given_to(job, values[name])
    return job


def _without_seconds(result: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name != "seconds"}


def _typed(job: Job, space: Space, values: Mapping[str, Value]) -> list[str]:
    """Return the options of ``sentemb train`` that a trial was."""
    words = []
    for name, (option, _) in space.items():
        value = values[name]
        if isinstance(value, bool):
            words.append(f"--{option.flag}" if value else f"--no-{option.flag}")
        elif option.of != "loss":
            words += [f"--{option.flag}", str(value)]
    return words + (["--loss", job.loss] if job.loss else [])
