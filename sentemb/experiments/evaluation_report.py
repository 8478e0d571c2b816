"""What an evaluation found: as one record, as tables, and as a file."""

import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from sentemb.evaluation import Outcome, paired_bootstrap
from sentemb.evaluation.disclosure import Disclosure
from sentemb.experiments.leaderboard import leaderboard
from sentemb.experiments.models import Model
from sentemb.storage import replaced, sha256
from sentemb.suites import Chosen
from sentemb.suites.tasks import Tasks
from sentemb.table import Cell, Report, Table, decimals
from sentemb.versions import versions

LIBRARIES = ("numpy", "scipy", "scikit-learn")
FOUR_DECIMALS = ("alignment", "uniformity")
LAST = ("pearson", "alignment", "uniformity")
HIDDEN = ("accuracy_threshold", "f1_threshold", "v_measure_sd")
SIDE_BY_SIDE = {*FOUR_DECIMALS, *HIDDEN, "pearson"}
"""What is left out where models stand side by side; the JSON has it."""
Numbers = dict[str, dict[str, float]]
"""By task and name."""


@dataclass(frozen=True)
class Scored:
    """What came of a model.

    Args:
        model: The model.
        disclosed: Which labels it has seen.
        outcomes: For each seed, the outcome of each task by its name.
    """

    model: Model
    disclosed: Disclosure
    outcomes: Sequence[dict[str, Outcome]]


def report_of(scored: Sequence[Scored], tasks: Tasks, prompt_name: str | None = None) -> Report:
    """Return what is known of models, tasks and data, and its tables."""
    record = _record(scored, tasks)
    if prompt_name is not None:
        record["prompt_name"] = prompt_name
    models = record["models"]
    if len(models) == 1:
        tables = _one_model(models[0], tasks)
    else:
        tables = [_side_by_side(models, tasks), *_differences(record["differences"])]
    notes = [f"labels seen by {model['model']}: {model['labels']}" for model in models]
    notes += [f"warning: {warning}" for warning in record["warnings"]]
    rows = [
        [model["model"], task, name, value, model["sd"][task].get(name) if "sd" in model else None]
        for model in models
        for task, numbers in model["results"].items()
        for name, value in numbers.items()
    ]
    values = Table(["model", "task", "number", "value", "sd"], rows)

    def rows_of_models() -> Table:
        outcomes = {one.model.name: one.outcomes for one in scored}
        chosen = [one.task for one in tasks.chosen]
        return leaderboard(outcomes, chosen, whole=not tasks.missing)

    return Report("evaluate", record, tables, notes, values, rows_of_models)


def write_report(output: Path, report: Report) -> None:
    """Write the file whole or not at all."""
    text = json.dumps({"schema": "sentemb.evaluate/1", **report.record}, indent=2, allow_nan=False)
    with replaced(output) as file:
        file.write(f"{text}\n".encode())


def _record(scored: Sequence[Scored], tasks: Tasks) -> dict[str, Any]:
    """Return everything; of one model also in the form that was there before suites."""
    models = [_model(one, tasks) for one in scored]
    names = [one.task.name for one in tasks.chosen]
    warned = [one.disclosed.warning(one.model.name, names) for one in scored]
    alone = {"model": models[0]["model"], "results": models[0]["results"]}
    return {
        "versions": versions() | {name: version(name) for name in LIBRARIES},
        **(alone if len(models) == 1 else {}),
        "models": models,
        "tasks": [_task(one, scored[0]) for one in tasks.chosen],
        "differences": [
            _difference(scored[0], other, one) for other in scored[1:] for one in tasks.chosen
        ],
        "missing": list(tasks.missing),
        "warnings": [warning for warning in warned if warning],
    }


def _model(one: Scored, tasks: Tasks) -> dict[str, Any]:
    each = [_with_averages(seed, tasks) for seed in _counted(one, tasks)]
    record = {
        "model": one.model.name,
        "labels": one.disclosed.labels,
        "results": _over_seeds(each, statistics.fmean),
    }
    if len(each) > 1:
        record["seeds"] = dict(zip(map(str, one.model.seeds), each, strict=True))
        record["sd"] = _over_seeds(each, statistics.stdev)
    return record


def _counted(one: Scored, tasks: Tasks) -> list[Numbers]:
    return [
        {
            chosen.task.name: {chosen.task.unit: len(seed[chosen.task.name].items)}
            | seed[chosen.task.name].numbers
            for chosen in tasks.chosen
        }
        for seed in one.outcomes
    ]


def _with_averages(numbers: Numbers, tasks: Tasks) -> Numbers:
    averages = {}
    for suite in tasks.complete():
        members = [one.task for one in tasks.chosen if one.suite == suite and one.task.name]
        if len(members) > 1 and len({task.main for task in members}) == 1:
            mean = statistics.fmean(numbers[task.name][task.main] for task in members)
            averages[f"{suite} average"] = {members[0].main: mean}
    return numbers | averages


def _over_seeds(each: list[Numbers], what: Any) -> Numbers:
    return {
        task: {
            name: value if isinstance(value, int) else what([seed[task][name] for seed in each])
            for name, value in numbers.items()
        }
        for task, numbers in each[0].items()
    }


def _task(one: Chosen, scored: Scored) -> dict[str, Any]:
    record = {
        "name": one.task.name,
        "suite": one.suite,
        "rows": len(scored.outcomes[0][one.task.name].items),
        "files": [{"path": os.fspath(path), "sha256": sha256(path)} for path in one.files],
    }
    return record | ({"note": one.note} if one.note else {})


def _difference(first: Scored, other: Scored, one: Chosen) -> dict[str, Any]:
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


def _one_model(model: dict[str, Any], tasks: Tasks) -> list[Table]:
    """Return a table for each kind of task."""
    seeds = f" ({len(model['seeds'])} seeds)" if "seeds" in model else ""
    mains = {one.task.name: (one.task.main, one.task.unit) for one in tasks.chosen}
    kinds: dict[str, list[str]] = {}
    for task, numbers in model["results"].items():
        kinds.setdefault(mains.get(task, list(numbers))[0], []).append(task)
    tables = []
    for members in kinds.values():
        unit = mains[members[0]][1]
        results = [model["results"][task] for task in members]
        shown = _names(results, {*HIDDEN, unit})
        rows = [
            [
                task,
                Cell(numbers[unit], f"{numbers[unit]:,}") if task in mains else None,
                *(_cell(model, task, name) for name in shown),
            ]
            for task, numbers in zip(members, results, strict=True)
        ]
        header = [f"{model['model']}{seeds}", unit, *(name.replace("_", " ") for name in shown)]
        tables.append(Table(header, rows))
    return tables


def _side_by_side(models: Sequence[dict[str, Any]], tasks: Tasks) -> Table:
    units = {one.task.unit for one in tasks.chosen}
    rows = [
        [f"{task} {name.replace('_', ' ')}", *(_cell(model, task, name) for model in models)]
        for task, numbers in models[0]["results"].items()
        for name in _names([numbers], SIDE_BY_SIDE | units)
    ]
    return Table(["", *(model["model"] for model in models)], rows)


def _differences(differences: Sequence[dict[str, Any]]) -> list[Table]:
    tables = []
    for (model, less), group in groupby(differences, key=lambda one: (one["model"], one["less"])):
        rows = [
            [
                f"{one['task']} {one['number'].replace('_', ' ')}",
                Cell(one["difference"], f"{one['difference']:+.2f}"),
                Cell([one["low"], one["high"]], f"{one['low']:+.2f} to {one['high']:+.2f}"),
                decimals(3, one["p"]),
            ]
            for one in group
        ]
        tables.append(Table([f"{model} less {less}", "difference", "95 % interval", "p"], rows))
    return tables


def _names(numbers: Sequence[dict[str, float]], hidden: set[str]) -> list[str]:
    names = dict.fromkeys(name for some in numbers for name in some)
    shown = [name for name in names if name not in hidden]
    return sorted(shown, key=lambda name: name in LAST and 1 + LAST.index(name))


def _cell(model: dict[str, Any], task: str, name: str) -> Cell:
    deviation = model["sd"][task].get(name) if "sd" in model else None
    digits = 4 if name in FOUR_DECIMALS else 2
    return decimals(digits, model["results"][task].get(name), deviation)
