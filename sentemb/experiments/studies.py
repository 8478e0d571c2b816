"""`study`: one option of a training run over its values, and what it does to the embeddings."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sentemb.bundled import bundled
from sentemb.datasets import read_training_data
from sentemb.experiments.ledger import opened
from sentemb.experiments.measured import MEASURES, Measured
from sentemb.experiments.runner import Job, Point, check_points, measure_start, run_points
from sentemb.experiments.summaries import Result, summarise, summary_table
from sentemb.runs.conditions import described_rows
from sentemb.table import Report

logger = logging.getLogger("sentemb")
BY, START = ("loss", "value"), "before training"
NO_PICTURE = 'No picture without matplotlib: pip install "sentemb[plot]".'


@dataclass(frozen=True)
class Grid:
    """The runs of a study.

    Args:
        option: What is varied, as it is shown.
        values: Of the option.
        losses: In place of the method's own, as they are shown; empty for that.
        seeds: A run for each.
        points: Every run; labels are ``loss``, ``value`` (None where a loss has no such option) and
            ``seed``.
    """

    option: str
    values: Sequence[Any]
    losses: Sequence[str]
    seeds: Sequence[int]
    points: Sequence[Point]


def study(
    job: Job,
    grid: Grid,
    *,
    labels: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str],
    overwrite: bool = False,
) -> Report:
    """Run what is not done yet of a study, and draw what the option does to the embeddings.

    Every run starts from the same model and reads the same rows. The folder holds
    ``results.jsonl``, ``study.png`` and the ledger that the same call goes on from.

    Args:
        job: The run that all others are variations of; it is measured before training.
        grid: The runs.
        labels: A file of sentences with a class, for the tolerance; by default bundled topics.
        output: Folder of the runs.
        overwrite: Whether runs of another study make way.

    Returns:
        A row for each loss and value; the record has ``plan``, ``summary``, ``results``, ``files``.

    Raises:
        UsageError: When a value is out of range, or the folder holds another study.
        InputError: When a file cannot be read.
        InterruptedRunError: When a signal ended it; the same call goes on.
    """
    folder = Path(output)
    data, dev = job.read()
    labelled = read_training_data(labels or bundled("topics.tsv"), [("text", "label")])
    check_points([p for p in grid.points if p.labels["seed"] == grid.seeds[0]], data)
    plan: dict[str, Any] = {"option": grid.option, "values": list(grid.values)}
    plan |= {"losses": list(grid.losses), "seeds": list(grid.seeds)}
    plan |= job.plan(data, dev) | {"labels": described_rows(labelled.rows)}
    measure = Measured(dev, labelled.rows["text"][:], labelled.rows["label"][:])
    with opened(folder, plan, overwrite=overwrite) as ledger:
        before = {"loss": START, "value": None, "seed": None}
        start = ledger.result("start") or before | measure_start(job, data, measure)
        ledger.commit("start", start)
        runs = run_points(ledger, grid.points, data, dev, measure)
        results = [{k: v for k, v in one.items() if k != "seconds"} for one in (start, *runs)]
        files = [ledger.write_lines(results)]
        lines = summarise(results, BY, MEASURES)
        ledger.claim("study.png")
        files += _drawn(folder / "study.png", grid.option, lines)
    table = summary_table(lines, BY, MEASURES, {"value": grid.option})
    found = {"plan": plan, "summary": lines, "results": results, "files": [str(f) for f in files]}
    return Report("study", found, [table])


def _drawn(path: Path, option: str, lines: Sequence[Result]) -> list[Path]:
    """Draw the summary; return the picture, if there is one."""
    if not find_spec("matplotlib"):
        logger.info(NO_PICTURE)
        return []
    from sentemb.plotting.curves import Curve, Numbers, draw_curves

    start = {name: numbers["mean"] for name, numbers in lines[0]["spread"].items()}
    points: dict[str, list[tuple[Any, Numbers]]] = {}
    for line in lines[1:]:
        numbers = {name: (one["mean"], one["sd"]) for name, one in line["spread"].items()}
        points.setdefault(line["loss"], []).append((line["value"], numbers))
    draw_curves(path, option, [Curve(*item) for item in points.items()], start)
    return [path]
