"""Training runs side by side: each is trained once, measured, and deleted."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.errors import InterruptedRunError, NumericError
from sentemb.experiments.ledger import Ledger
from sentemb.experiments.models import opened
from sentemb.jobs.job_method import build
from sentemb.jobs.job_run import run
from sentemb.jobs.train_job import TrainJob
from sentemb.runs.output import last_checkpoint
from sentemb.runs.run_folder import RUN
from sentemb.storage.owned import remove_listed
from sentemb.table import number
from sentemb.types import Encode

if TYPE_CHECKING:
    from sentemb.datasets import TrainingData
    from sentemb.evaluation import STS

logger = logging.getLogger("sentemb")
Measure = Callable[[Encode], dict[str, float]]
Result = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """One run among others.

    Args:
        name: Of its folder and its result.
        labels: What tells it from the others; stands in its result.
        job: What is run.
    """

    name: str
    labels: dict[str, Any]
    job: TrainJob


def check_points(points: Sequence[Point], data: "TrainingData") -> None:
    """Build every method once, so that what cannot work is reported before anything is trained.

    Raises:
        UsageError: When a value is out of range.
    """
    for point in points:
        build(point.job, data)


def run_points(
    ledger: Ledger, points: Sequence[Point], data: "TrainingData", dev: "STS", measure: Measure
) -> list[Result]:
    """Run them in order, a line for each."""
    results = []
    for place, point in enumerate(points, 1):
        known = ledger.result(point.name) is not None
        results.append(run_point(ledger, point, data, dev, measure))
        logger.info("run %d of %d, %s", place, len(points), _line(point, results[-1], known))
    return results


def run_point(
    ledger: Ledger, point: Point, data: "TrainingData", dev: "STS", measure: Measure
) -> Result:
    """Return the result of a run, trained now unless it was before; a begun one resumes.

    A run whose loss is not a number is done as well: its result has an ``error``.

    Raises:
        InterruptedRunError: When a signal ended it; the same command resumes.
    """
    known = ledger.result(point.name)
    if known is not None:
        return known
    folder = ledger.run(point.name)
    try:
        seconds = _train(folder, point.job, data, dev)
        with opened(folder) as model:
            result = {**point.labels, **measure(model.encode), "seconds": seconds}
    except InterruptedRunError as error:
        raise InterruptedRunError(
            f"Interrupted in run {point.name}: give the same command again to resume.",
            error.exit_code - 128,
        ) from None
    except NumericError as error:
        result = {**point.labels, "error": str(error)}
    ledger.commit(point.name, result)
    return result


def measure_start(job: TrainJob, data: "TrainingData", measure: Measure) -> dict[str, float]:
    """Measure the encoder that a job starts from."""
    with opened(build(job, data).encoder) as model:
        return measure(model.encode)


def _train(folder: Path, job: TrainJob, data: "TrainingData", dev: "STS") -> float | None:
    """Train what is not trained yet; return the seconds, where it was in one go."""
    if (folder / RUN).exists():
        return None
    goes_on = last_checkpoint(folder) is not None
    if not goes_on:
        remove_listed(folder)
    chooses = dev if job.settings.select == "spearman" else None
    started, level = time.monotonic(), logger.level
    logger.setLevel(logging.WARNING)
    try:
        run(job, data, chooses, folder, resume=goes_on)
    finally:
        logger.setLevel(level)
    return None if goes_on else round(time.monotonic() - started, 2)


def _line(point: Point, result: Result, known: bool) -> str:
    labels = ", ".join(f"{_words(k)} {v}" for k, v in point.labels.items() if v is not None)
    if "error" in result:
        return f"{labels}: {result['error']}"
    numbers = {k: v for k, v in result.items() if k not in point.labels and k != "seconds"}
    shown = ", ".join(f"{_words(k)} {number(k, v).text}" for k, v in numbers.items())
    seconds = result["seconds"]
    took = "done before" if known else "resumed" if seconds is None else f"{seconds:.0f} s"
    return f"{labels}: {shown} ({took})"


def _words(name: str) -> str:
    return name.replace("_", " ")
