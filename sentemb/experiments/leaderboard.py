"""Models as rows, tasks as columns: the table that a paper or a README shows."""

import statistics
from collections.abc import Mapping, Sequence

from sentemb.evaluation import Outcome, Task, bootstrap_average
from sentemb.table import Cell, Table, decimals

LOW, HIGH = "95 % low", "95 % high"
Seeds = Sequence[Mapping[str, Outcome]]
"""For each seed of a model, the outcome of each task by its name."""


def leaderboard(models: Mapping[str, Seeds], tasks: Sequence[Task], *, whole: bool) -> Table:
    """Return a row for each model: the main number of each task, the average and its interval.

    Tasks that are scored by different numbers have no average, nor has a part of a suite. Of a
    single task the interval is its own. Of several seeds each number is the mean, with the
    standard deviation behind it.

    Args:
        models: The seeds of each model by its name.
        tasks: What they were scored on.
        whole: Whether no task of a suite is missing.
    """
    alike = len({task.main for task in tasks}) == 1
    averaged = alike and (whole or len(tasks) == 1)
    names = [task.name if alike else f"{task.name} {_words(task.main)}" for task in tasks]
    average = [f"average {_words(tasks[0].main)}"] if averaged and len(tasks) > 1 else []
    header = ["model", *names, *average, *([LOW, HIGH] if averaged else [])]
    rows = []
    for name, seeds in models.items():
        each = [[seed[task.name].numbers[task.main] for task in tasks] for seed in seeds]
        cells = [_cell(of_task) for of_task in zip(*each, strict=True)]
        if average:
            cells.append(_cell([statistics.fmean(of_seed) for of_seed in each]))
        if averaged:
            found = bootstrap_average([[seed[task.name] for seed in seeds] for task in tasks])
            cells += [decimals(2, found.low), decimals(2, found.high)]
        rows.append([name, *cells])
    return Table(header, rows)


def _cell(of_seeds: Sequence[float]) -> Cell:
    deviation = statistics.stdev(of_seeds) if len(of_seeds) > 1 else None
    return decimals(2, statistics.fmean(of_seeds), deviation)


def _words(name: str) -> str:
    return name.replace("_", " ")
