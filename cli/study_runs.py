"""From the words of a ``study`` command to runs, a table and a picture."""

import re
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sentemb.bundled import bundled
from sentemb.datasets import read_training_data
from sentemb.runs.conditions import described_rows
from sentemb.studies import Measured, opened
from sentemb.studies.measured import MEASURES
from sentemb.studies.plot import Curve, Numbers, draw_curves

from . import console
from .jobs import Job
from .points import Point, check_points, measure_start, plan_of, read_with_dev, run_points
from .study_plan import Study
from .summary import summarise, summary_table
from .varied import Option, Value, belongs_to

BY, START = ("loss", "value"), "before training"


def run_study(study: Study) -> tuple[dict[str, Any], str]:
    """Run what is not done yet of a study; return what came of it, and its table.

    Raises:
        UsageError: When a value is out of range, or the folder holds another study.
    """
    job, option, values, seeds = study.job, study.option, study.values, study.seeds
    losses = list(study.losses)
    points = _points(job, option, values, losses, seeds)
    data, dev = read_with_dev(job)
    labelled = read_training_data(study.labels or bundled("topics.tsv"), [("text", "label")])
    check_points([point for point in points if point.labels["seed"] == seeds[0]], data)
    plan: dict[str, Any] = {"option": option.flag, "values": values}
    plan |= {"losses": losses, "seeds": seeds}
    plan |= plan_of(job, data, dev) | {"labels": described_rows(labelled.rows)}
    measure = Measured(dev, labelled.rows["text"][:], labelled.rows["label"][:])
    with opened(study.output, plan, overwrite=study.overwrite) as ledger:
        labels = {"loss": START, "value": None, "seed": None}
        start = ledger.result("start") or labels | measure_start(job, data, measure)
        ledger.commit("start", start)
        runs = run_points(ledger, points, data, dev, measure)
        results = [{k: v for k, v in one.items() if k != "seconds"} for one in (start, *runs)]
        files = [ledger.write_lines(results)]
        lines = summarise(results, BY, MEASURES)
        ledger.claim("study.png")
        files += _drawn(study.output / "study.png", option, lines)
    table = summary_table(lines, BY, MEASURES, {"value": option.flag})
    found = {"plan": plan, "summary": lines, "results": results, "files": [str(f) for f in files]}
    return found, table


def _points(
    job: Job,
    option: Option,
    values: Sequence[Value],
    losses: Sequence[str],
    seeds: Sequence[int],
) -> list[Point]:
    """Return every run: losses, values, seeds, the last the fastest."""
    points: list[Point] = []
    either: Sequence[str | None] = losses or [None]
    for loss in either:
        base = replace(job, loss=loss).without_replaced()
        for value in values if belongs_to(option, loss) else [None]:
            varied = base if value is None else option.given_to(base, value)
            for seed in seeds:
                labels = {"loss": loss or job.method, "value": value, "seed": seed}
                words = "-".join(str(v) for v in labels.values() if v is not None)
                name = f"{len(points) + 1:03d}-{re.sub('[^A-Za-z0-9.]+', '-', words)}"
                points.append(Point(name, labels, varied.with_seed(seed, job.output)))
    return points


def _drawn(path: Path, option: Option, lines: Sequence[dict[str, Any]]) -> list[Path]:
    """Draw the summary; return the picture, if there is one."""
    if not find_spec("matplotlib"):
        console.log('No picture without matplotlib: pip install "sentemb[plot]".')
        return []
    start = {name: numbers["mean"] for name, numbers in lines[0]["spread"].items()}
    points: dict[str, list[tuple[Any, Numbers]]] = {}
    for line in lines[1:]:
        numbers = {name: (one["mean"], one["sd"]) for name, one in line["spread"].items()}
        points.setdefault(line["loss"], []).append((line["value"], numbers))
    draw_curves(path, option.flag, [Curve(*item) for item in points.items()], start)
    return [path]
