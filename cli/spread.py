"""Several seeds: mean, standard deviation, least and greatest of each number."""

import statistics
from collections.abc import Sequence

from . import console

Spread = dict[str, dict[str, float]]


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


def spread_table(seeds: int, spread: Spread) -> str:
    """Show it as a table."""
    rows = [
        [name, *(console.number(name, number) for number in numbers.values())]
        for name, numbers in spread.items()
    ]
    return console.table([f"{seeds} seeds", "mean", "sd", "min", "max"], rows)
