"""Several seeds of one run, or of each of several: means and standard deviations."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from sentemb.table import Cell, Table, number

Result = dict[str, Any]
Spread = dict[str, dict[str, float]]
"""By measure: ``mean``, ``sd``, ``min`` and ``max`` over the seeds."""


def spread_of(metrics: Sequence[dict[str, float]]) -> Spread:
    """Return the spread of each number over the runs."""
    spread = {}
    for name in metrics[0]:
        values = [one[name] for one in metrics]
        spread[name] = {
            "mean": statistics.mean(values),
            "sd": statistics.stdev(values) if len(values) > 1 else 0.0,
            "min": min(values),
            "max": max(values),
        }
    return spread


def spread_table(seeds: int, spread: Spread) -> Table:
    """Return a row for each number."""
    rows = [
        [name, *(number(name, value) for value in numbers.values())]
        for name, numbers in spread.items()
    ]
    return Table([f"{seeds} seeds", "mean", "sd", "min", "max"], rows)


def summarise(
    results: Sequence[Result], by: Sequence[str], measures: Sequence[str]
) -> list[Result]:
    """Return the spread of each measure over the seeds, for each group in its order.

    Args:
        results: Of the runs.
        by: What tells the groups from each other.
        measures: Those that are looked at, where a result has them.

    Returns:
        Dictionaries of what is in ``by``, ``runs``, ``failed`` and ``spread``.
    """
    groups: dict[tuple[Any, ...], list[Result]] = {}
    for result in results:
        groups.setdefault(tuple(result[name] for name in by), []).append(result)
    lines = []
    for key, runs in groups.items():
        whole = [run for run in runs if "error" not in run]
        numbers = [{m: run[m] for m in measures if run.get(m) is not None} for run in whole]
        common = [m for m in measures if numbers and all(m in one for one in numbers)]
        spread = spread_of([{m: one[m] for m in common} for one in numbers]) if numbers else {}
        failed = len(runs) - len(whole)
        lines.append(
            dict(zip(by, key, strict=True))
            | {"runs": len(runs), "failed": failed, "spread": spread}
        )
    return lines


def summary_table(
    lines: Sequence[Result],
    by: Sequence[str],
    measures: Sequence[str],
    called: Mapping[str, str] | None = None,
) -> Table:
    """Return a row a group, mean ± standard deviation where there are several seeds.

    Args:
        lines: What `summarise` returned.
        by: What tells the groups from each other.
        measures: Those that are shown, where a group has them.
        called: What names are called in the header, where not by themselves.
    """
    shown = [m for m in measures if any(m in line["spread"] for line in lines)]
    named = [name for name in by if any(line[name] is not None for line in lines)]
    failed = any(line["failed"] for line in lines)
    header = [*named, *shown, *(["failed"] if failed else [])]
    rows = []
    for line in lines:
        cells = [_label(line[name]) for name in named] + [_cell(m, line) for m in shown]
        rows.append(cells + ([Cell(line["failed"], str(line["failed"] or ""))] if failed else []))
    words = [(called or {}).get(name, name.replace("_", " ")) for name in header]
    return Table(words, rows)


def _cell(measure: str, line: Result) -> Cell:
    spread = line["spread"].get(measure)
    if spread is None:
        return Cell(None, "")
    several = line["runs"] - line["failed"] > 1
    return number(measure, spread["mean"], spread["sd"] if several else None)


def _label(value: Any) -> Cell:
    if value is None:
        return Cell(None, "–")
    if isinstance(value, bool):
        return Cell(value, "yes" if value else "no")
    return Cell(value, f"{value:g}" if isinstance(value, float) else str(value))
