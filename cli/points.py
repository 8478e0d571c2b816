"""Training runs side by side: each is trained once, measured, and let go of."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sentemb.bundled import bundled
from sentemb.datasets import TrainingData
from sentemb.errors import InterruptedRunError, NumericError, UsageError
from sentemb.evaluation import STS
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder
from sentemb.runs.conditions import described, described_rows, weights
from sentemb.runs.output import last_checkpoint
from sentemb.runs.run_folder import RUN
from sentemb.storage.owned import remove_listed
from sentemb.studies import Ledger
from sentemb.types import Encode

from . import console
from .jobs import Job
from .training_runs import build_method, read_data, run, starting_encoder

WITHOUT_EFFECT = ("seed", "workers", "save_steps", "on_collapse", "max_bad_steps", "packed")
Measure = Callable[[Encode], dict[str, float]]
Result = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """One run.

    Args:
        name: Of its folder and its result.
        labels: What tells it from the others; stands in its result.
        job: What is run.
    """

    name: str
    labels: dict[str, Any]
    job: Job


def read_with_dev(job: Job) -> tuple[TrainingData, STS]:
    """Read the data and the graded pairs that all runs are measured on, by default bundled."""
    named = job if job.dev or not job.data else replace(job, dev=str(bundled("graded.tsv")))
    data, dev = read_data(named)
    if dev is None:
        raise UsageError("There is nothing to measure on: give graded pairs, as --dev.")
    return data, dev


def plan_of(job: Job, data: TrainingData, dev: STS) -> dict[str, Any]:
    """Return what the results of a job depend on, by value, never by path or name."""
    rows = zip(dev.sentences1, dev.sentences2, dev.scores, strict=True)
    settings = {k: v for k, v in asdict(job.settings).items() if k not in WITHOUT_EFFECT}
    return {
        "method": job.method,
        "method_options": job.method_options,
        "views": job.views,
        "loss": job.loss,
        "matryoshka": list(job.matryoshka),
        "mask_above": job.mask_above,
        "pooling": job.pooling,
        **({"prompts": job.prompts} if job.prompts else {}),
        **settings,
        "model": weights(starting_encoder(job)[0]),
        "data": described_rows(data.rows),
        "dev": described(len(dev.scores), map(repr, rows)),
    }


def check_points(points: Sequence[Point], data: TrainingData) -> None:
    """Build every method once, so that what cannot work is said before anything is trained.

    Raises:
        UsageError: When a value is out of range.
    """
    for point in points:
        build_method(point.job, starting_encoder(point.job), data)


def run_point(
    ledger: Ledger, point: Point, data: TrainingData, dev: STS, measure: Measure
) -> Result:
    """Return what came of a run, trained now unless it was before; a begun one goes on.

    A run whose loss is no number is done as well: its result has an ``error``.

    Raises:
        InterruptedRunError: When a signal ended it; the same command goes on.
    """
    known = ledger.result(point.name)
    if known is not None:
        return known
    try:
        seconds = _train(ledger.run(point.name), point.job, data, dev)
        with Embedder(load_encoder(ledger.run(point.name))) as embedder:
            result = {**point.labels, **measure(embedder.encode), "seconds": seconds}
    except InterruptedRunError as error:
        raise InterruptedRunError(
            f"Interrupted in run {point.name}: give the same command again to go on.",
            error.exit_code - 128,
        ) from None
    except NumericError as error:
        result = {**point.labels, "error": str(error)}
    ledger.commit(point.name, result)
    return result


def _train(folder: Path, job: Job, data: TrainingData, dev: STS) -> float | None:
    """Train what is not trained yet; return the seconds, where it was in one go."""
    if (folder / RUN).exists():
        return None
    goes_on = last_checkpoint(folder) is not None
    if not goes_on:
        remove_listed(folder)
    started = time.monotonic()
    with console.only_warnings():
        run(
            replace(job, output=folder, resume=goes_on),
            data,
            dev if job.settings.select == "spearman" else None,
        )
    return None if goes_on else round(time.monotonic() - started, 2)


def run_points(
    ledger: Ledger, points: Sequence[Point], data: TrainingData, dev: STS, measure: Measure
) -> list[Result]:
    """Run them in order, a line for each."""
    results = []
    for number, point in enumerate(points, 1):
        known = ledger.result(point.name) is not None
        results.append(run_point(ledger, point, data, dev, measure))
        console.log(f"run {number} of {len(points)}, {_told(point, results[-1], known)}")
    return results


def _told(point: Point, result: Result, known: bool) -> str:
    labels = ", ".join(f"{_words(k)} {v}" for k, v in point.labels.items() if v is not None)
    if "error" in result:
        return f"{labels}: {result['error']}"
    numbers = {k: v for k, v in result.items() if k not in point.labels and k != "seconds"}
    shown = ", ".join(f"{_words(k)} {console.number(k, v)}" for k, v in numbers.items())
    seconds = result["seconds"]
    took = "done before" if known else "resumed" if seconds is None else f"{seconds:.0f} s"
    return f"{labels}: {shown} ({took})"


def _words(name: str) -> str:
    return name.replace("_", " ")


def measure_start(job: Job, data: TrainingData, measure: Measure) -> dict[str, float]:
    """Measure the encoder that a job starts from."""
    with Embedder(build_method(job, starting_encoder(job), data).encoder) as embedder:
        return measure(embedder.encode)
