"""`study`: one option of a training run over its values, and what it does to the embeddings."""

import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.bundled import bundled
from sentemb.datasets import as_training_data
from sentemb.errors import UsageError, install_command
from sentemb.experiments.ledger import opened
from sentemb.experiments.measured import MEASURES, Measured
from sentemb.experiments.runner import Point, check_points, measure_start, run_points
from sentemb.experiments.summaries import Result, summarise, summary_table
from sentemb.jobs.job_data import name_of, read_to_measure
from sentemb.jobs.job_record import plan_of
from sentemb.jobs.train_job import TrainJob, train_job
from sentemb.notation import as_loss
from sentemb.runs.conditions import described_rows
from sentemb.table import Report

if TYPE_CHECKING:
    from sentemb.datasets import TrainingData
    from sentemb.datasets.in_memory import Container
    from sentemb.evaluation import STS
    from sentemb.losses import Loss
    from sentemb.notation import AnyLoss

    Data = str | os.PathLike[str] | Container

logger = logging.getLogger("sentemb")
Value = float | int | str | bool
TEMPERATURES = (0.01, 0.02, 0.05, 0.07, 0.1, 0.2, 0.5, 1.0)
BY, START = ("loss", "value"), "before training"
NO_PICTURE = f"No picture without matplotlib: {install_command('plot')}."


def study(
    option: str,
    values: Sequence[Value] | None = None,
    method: str = "simcse-unsup",
    data: "Data | TrainingData | None" = None,
    *,
    losses: "Mapping[str, AnyLoss] | Sequence[AnyLoss] | None" = None,
    seeds: Sequence[int] = (0,),
    labels: "Data | None" = None,
    output: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Report:
    """Train a recipe over values of one option, and draw what it does to the embeddings.

    Every run starts from the same model and reads the same rows. Measured on the graded pairs of
    ``dev``: Spearman × 100, uniformity, alignment and local separation; on ``labels``: tolerance.
    The folder holds ``results.jsonl``, ``study.png`` and the ledger from which the same call
    resumes; models are not kept.

    Args:
        option: A setting, an option of the recipe or a number of the losses, as ``temperature``.
        values: Of the option; of a temperature by default `TEMPERATURES`.
        method: The recipe's name.
        data: As of `sentemb.train`.
        losses: In the place of the recipe's, by the names to show; also in words. One that has no
            such option is trained once. For the temperature of simcse-unsup by default InfoNCE, the
            hard and the simple contrastive loss, as Wang and Liu have it.
        seeds: A run for each.
        labels: Sentences with a class, for the tolerance; by default the bundled topics.
        output: Folder of the runs; by default ``studies/OPTION``.
        overwrite: Whether runs of another study make way.
        options: Further arguments of `sentemb.train`, as ``dev``, ``model`` and ``max_steps``.

    Returns:
        A row for each loss and value; the record has ``plan``, ``summary``, ``results``, ``files``.

    Raises:
        UsageError: When there is no such option, a value is out of range, or the folder holds
            another study.
        InputError: When data cannot be read.
        InterruptedRunError: When a signal ended it; the same call resumes.
    """
    job = train_job(method, data, **{"select": "last", **options})
    option = option.replace("-", "_")
    shown = option.replace("_", "-")
    if values is None and option != "temperature":
        raise UsageError(f"Which values of {shown}? Give them as `values`.")
    chosen = list(TEMPERATURES if values is None else values)
    named = _named(losses) if losses is not None else _default_losses(option, job)
    points = points_of(job, option, chosen, named, seeds)
    folder = Path(output) if output is not None else Path("studies") / shown
    rows, dev = read_to_measure(job)
    labelled = as_training_data(
        bundled("topics.tsv") if labels is None else labels, [("text", "label")], name="labels"
    )
    check_points([p for p in points if p.labels["seed"] == seeds[0]], rows)
    plan: dict[str, Any] = {"option": shown, "values": chosen}
    plan |= {"losses": list(named), "seeds": list(seeds)}
    plan |= plan_of(job, rows, dev) | {"labels": described_rows(labelled.rows)}
    measure = Measured(dev, labelled.rows["text"][:], labelled.rows["label"][:])
    with opened(folder, plan, overwrite=overwrite) as ledger:
        before = {"loss": START, "value": None, "seed": None}
        start = ledger.result("start") or before | measure_start(job, rows, measure)
        ledger.commit("start", start)
        runs = run_points(ledger, points, rows, dev, measure)
        results = [{k: v for k, v in one.items() if k != "seconds"} for one in (start, *runs)]
        files = [ledger.write_lines(results)]
        lines = summarise(results, BY, MEASURES)
        ledger.claim("study.png")
        title = f"{method}, {described_job(job, rows, dev)}"
        files += _drawn(folder / "study.png", shown, lines, title, len(seeds))
    table = summary_table(lines, BY, MEASURES, {"value": shown})
    found = {"plan": plan, "summary": lines, "results": results, "files": [str(f) for f in files]}
    return Report("study", found, [table])


def points_of(
    job: TrainJob,
    option: str,
    values: Sequence[Value],
    losses: "Mapping[str, Loss]",
    seeds: Sequence[int],
) -> list[Point]:
    """Return every run: losses, values, seeds, the last the fastest.

    Labels are ``loss``, ``value`` (None where a loss has no such option) and ``seed``.

    Raises:
        UsageError: When none of the jobs has such an option.
    """
    bases = {name: replace(job, loss=loss) for name, loss in losses.items()} or {job.method: job}
    having = [name for name, base in bases.items() if option in base.varied()]
    if not having:
        next(iter(bases.values())).with_value(option, values[0])  # names those that there are
    points: list[Point] = []
    for name, base in bases.items():
        for value in values if name in having else [None]:
            varied = base if value is None else base.with_value(option, value)
            for seed in seeds:
                labels = {"loss": name, "value": value, "seed": seed}
                words = "-".join(str(v) for v in labels.values() if v is not None)
                folder = f"{len(points) + 1:03d}-{re.sub('[^A-Za-z0-9.]+', '-', words)}"
                points.append(Point(folder, labels, varied.with_seed(seed)))
    return points


def _named(losses: "Mapping[str, AnyLoss] | Sequence[AnyLoss]") -> "dict[str, Loss]":
    if not isinstance(losses, Mapping):
        losses = {one if isinstance(one, str) else repr(one): one for one in losses}
    return {name: as_loss(one) for name, one in losses.items()}


def _default_losses(option: str, job: TrainJob) -> "dict[str, Loss]":
    """Return those of Wang and Liu's figures, where their temperature is what is studied."""
    if (option, job.method) != ("temperature", "simcse-unsup"):
        return {}
    from sentemb.losses import HardContrastive, InfoNCE, SimpleContrastive

    alike = 1 / (job.settings.batch_size - 1)  # positives and negatives weigh the same
    return {
        "infonce": InfoNCE(),
        "hard-contrastive": HardContrastive(),
        f"simple-contrastive:{alike:.4g}": SimpleContrastive(float(f"{alike:.4g}")),
    }


def described_job(job: TrainJob, data: "TrainingData", dev: "STS") -> str:
    """Say what a job trains, on what and for how long, and what it is measured on."""
    model = Path(name_of(job.model, "mini") or "a SentenceTransformer").name
    settings = job.settings
    length = f"{settings.max_steps} steps" if settings.max_steps else f"{settings.epochs:g} epochs"
    return (
        f"from {model}, {len(data.rows):,} rows of {Path(data.source).name}, {length} of "
        f"{settings.batch_size} rows, measured on {dev.name}"
    )


def _drawn(path: Path, option: str, lines: Sequence[Result], title: str, seeds: int) -> list[Path]:
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
    draw_curves(path, option, [Curve(*item) for item in points.items()], start, title, seeds)
    return [path]
