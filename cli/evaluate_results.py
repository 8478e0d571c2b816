"""The results of an ``evaluate`` command as one object, and as a file."""

import json
import os
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.errors import UsageError
from sentemb.evaluation import paired_bootstrap
from sentemb.storage import replaced, sha256

from . import console

if TYPE_CHECKING:
    from .evaluate_runs import Scored
    from .evaluate_tasks import Tasks

LIBRARIES = ("numpy", "scipy", "scikit-learn")


def check_output(output: Path | None, *, overwrite: bool) -> None:
    """Say what is wrong with the output before hours are spent.

    Raises:
        UsageError: When it is there already, or has no folder.
    """
    if output is None:
        return
    if output.exists() and not overwrite:
        raise UsageError(f"Output '{output}' exists: give another --output, or --overwrite.")
    if not output.parent.is_dir():
        raise UsageError(f"No folder '{output.parent}' to write '{output.name}' into.")


def write_results(output: Path, results: dict[str, Any]) -> None:
    """Write the file whole or not at all."""
    text = json.dumps({"schema": "sentemb.evaluate/1", **results}, indent=2, allow_nan=False)
    with replaced(output) as file:
        file.write(f"{text}\n".encode())
    console.log(f"results: {output}")


def results_of(scored: Sequence["Scored"], tasks: "Tasks") -> dict[str, Any]:
    """Return what is known of models, tasks and data; of one model also as it was before suites."""
    models = [_model(one, tasks) for one in scored]
    names = [one.task.name for one in tasks.chosen]
    warned = [one.disclosed.warning(one.model.name, names) for one in scored]
    alone = {"model": models[0]["model"], "results": models[0]["results"]}
    return {
        "versions": console.versions() | {name: version(name) for name in LIBRARIES},
        **(alone if len(models) == 1 else {}),
        "models": models,
        "tasks": [_task(one, scored[0]) for one in tasks.chosen],
        "differences": [
            _difference(scored[0], other, one) for other in scored[1:] for one in tasks.chosen
        ],
        "missing": list(tasks.missing),
        "warnings": [warning for warning in warned if warning],
    }


def _model(one: "Scored", tasks: "Tasks") -> dict[str, Any]:
    each = [_with_averages(seed, tasks) for seed in _counted(one, tasks)]
    record = {
        "model": one.model.name,
        "labels": one.disclosed.labels,
        "results": _over_seeds(each, statistics.fmean),
    }
    if len(each) > 1:
        record["seeds"] = dict(zip(one.model.places, each, strict=True))
        record["sd"] = _over_seeds(each, statistics.stdev)
    return record


def _counted(one: "Scored", tasks: "Tasks") -> list[dict[str, dict[str, float]]]:
    return [
        {
            chosen.task.name: {chosen.task.unit: len(seed[chosen.task.name].items)}
            | seed[chosen.task.name].numbers
            for chosen in tasks.chosen
        }
        for seed in one.outcomes
    ]


def _with_averages(
    numbers: dict[str, dict[str, float]], tasks: "Tasks"
) -> dict[str, dict[str, float]]:
    averages = {}
    for suite in tasks.complete():
        members = [one.task for one in tasks.chosen if one.suite == suite and one.task.name]
        if len(members) > 1 and len({task.main for task in members}) == 1:
            mean = statistics.fmean(numbers[task.name][task.main] for task in members)
            averages[f"{suite} average"] = {members[0].main: mean}
    return numbers | averages


def _over_seeds(each: list[dict[str, dict[str, float]]], what: Any) -> dict[str, dict[str, float]]:
    return {
        task: {
            name: value if isinstance(value, int) else what([seed[task][name] for seed in each])
            for name, value in numbers.items()
        }
        for task, numbers in each[0].items()
    }


def _task(one: Any, scored: "Scored") -> dict[str, Any]:
    record = {
        "name": one.task.name,
        "suite": one.suite,
        "rows": len(scored.outcomes[0][one.task.name].items),
        "files": [{"path": os.fspath(path), "sha256": sha256(path)} for path in one.files],
    }
    return record | ({"note": one.note} if one.note else {})


def _difference(first: "Scored", other: "Scored", one: Any) -> dict[str, Any]:
    name = one.task.name
    found = paired_bootstrap(
        [seed[name] for seed in first.outcomes], [seed[name] for seed in other.outcomes]
    )
    return {
        "task": name,
        "number": one.task.main,
        "model": other.model.name,
        "less": first.model.name,
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "p": found.p,
    }
