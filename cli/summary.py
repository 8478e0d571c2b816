"""Several seeds of each of several runs: mean and standard deviation, as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from . import console
from .spread import spread_of

Result = dict[str, Any]


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
) -> str:
    """Show it: a line a group, mean ± standard deviation where there are several seeds."""
    shown = [m for m in measures if any(m in line["spread"] for line in lines)]
    named = [name for name in by if any(line[name] is not None for line in lines)]
    failed = any(line["failed"] for line in lines)
    header = [*named, *shown, *(["failed"] if failed else [])]
    rows = []
    for line in lines:
        cells = ["–" if line[n] is None else _shown(line[n]) for n in named]
        cells += [_cell(m, line) for m in shown]
        rows.append(cells + ([str(line["failed"] or "")] if failed else []))
    words = [(called or {}).get(name, name.replace("_", " ")) for name in header]
    return console.table(words, rows)


def _cell(measure: str, line: Result) -> str:
    spread = line["spread"].get(measure)
    if spread is None:
        return ""
    mean = console.number(measure, spread["mean"])
    several = line["runs"] - line["failed"] > 1
    return f"{mean} ± {console.number(measure, spread['sd'])}" if several else mean


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
