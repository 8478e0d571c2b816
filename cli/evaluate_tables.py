"""The results of an ``evaluate`` command as tables."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from . import console

if TYPE_CHECKING:
    from .evaluate_runs import Scored
    from .evaluate_tasks import Tasks

FOUR_DECIMALS = ("alignment", "uniformity")
LAST = ("pearson", "alignment", "uniformity")
HIDDEN = ("accuracy_threshold", "f1_threshold", "v_measure_sd")
SIDE_BY_SIDE = {*FOUR_DECIMALS, *HIDDEN, "pearson"}
"""What is left out where models stand side by side; the JSON has it."""


def show_tables(scored: Sequence["Scored"], tasks: "Tasks", results: dict[str, Any]) -> None:
    """Show one model's numbers by kind of task, several models beside each other."""
    if len(scored) == 1:
        _one_model(results["models"][0], tasks)
    else:
        _side_by_side(results["models"], tasks)
        _differences(results["differences"])
    for model in results["models"]:
        console.show(f"labels seen by {model['model']}: {model['labels']}")
    for warning in results["warnings"]:
        console.show(f"warning: {warning}")


def _one_model(model: dict[str, Any], tasks: "Tasks") -> None:
    seeds = f" ({len(model['seeds'])} seeds)" if "seeds" in model else ""
    mains = {one.task.name: (one.task.main, one.task.unit) for one in tasks.chosen}
    kinds: dict[str, list[str]] = {}
    for task, numbers in model["results"].items():
        kinds.setdefault(mains.get(task, list(numbers))[0], []).append(task)
    for members in kinds.values():
        unit = mains[members[0]][1]
        shown = _names([model["results"][task] for task in members], {*HIDDEN, unit})
        rows = [
            [task, f"{model['results'][task][unit]:,}" if task in mains else ""]
            + [_cell(model, task, name) for name in shown]
            for task in members
        ]
        header = [f"{model['model']}{seeds}", unit, *(name.replace("_", " ") for name in shown)]
        console.show(console.table(header, rows) + "\n")


def _side_by_side(models: Sequence[dict[str, Any]], tasks: "Tasks") -> None:
    units = {one.task.unit for one in tasks.chosen}
    rows = [
        [f"{task} {name.replace('_', ' ')}", *(_cell(model, task, name) for model in models)]
        for task, numbers in models[0]["results"].items()
        for name in _names([numbers], SIDE_BY_SIDE | units)
    ]
    console.show(console.table(["", *(model["model"] for model in models)], rows) + "\n")


def _differences(differences: Sequence[dict[str, Any]]) -> None:
    for (model, less), group in groupby(differences, key=lambda one: (one["model"], one["less"])):
        rows = [
            [
                f"{one['task']} {one['number'].replace('_', ' ')}",
                f"{one['difference']:+.2f}",
                f"{one['low']:+.2f} to {one['high']:+.2f}",
                f"{one['p']:.3f}",
            ]
            for one in group
        ]
        header = [f"{model} less {less}", "difference", "95 % interval", "p"]
        console.show(console.table(header, rows) + "\n")


def _names(numbers: Sequence[dict[str, float]], hidden: set[str]) -> list[str]:
    names = dict.fromkeys(name for some in numbers for name in some)
    shown = [name for name in names if name not in hidden]
    return sorted(shown, key=lambda name: name in LAST and 1 + LAST.index(name))


def _cell(model: dict[str, Any], task: str, name: str) -> str:
    value = model["results"][task].get(name)
    if value is None:
        return ""
    digits = 4 if name in FOUR_DECIMALS else 2
    deviation = f" ± {model['sd'][task][name]:.{digits}f}" if "sd" in model else ""
    return f"{value:.{digits}f}{deviation}"
