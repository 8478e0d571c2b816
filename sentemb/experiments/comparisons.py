"""`compare`: methods trained alike, and models as they are, measured beside each other."""

import logging
import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.bundled import bundled
from sentemb.datasets import as_sts
from sentemb.encoding.fingerprint import fingerprint
from sentemb.experiments.ledger import Ledger, opened
from sentemb.experiments.models import load
from sentemb.experiments.models import opened as opened_model
from sentemb.experiments.runner import Point, check_points, run_points
from sentemb.experiments.studies import NO_PICTURE, described_job
from sentemb.experiments.summaries import Result, summarise, summary_table
from sentemb.jobs.job_data import GRADED, read_to_measure
from sentemb.jobs.job_record import plan_of
from sentemb.jobs.train_job import TrainJob, train_job
from sentemb.methods.recipe import METHODS
from sentemb.table import Report

if TYPE_CHECKING:
    from sentemb.datasets import TrainingData
    from sentemb.datasets.in_memory import Container
    from sentemb.encoders import PoolingName
    from sentemb.evaluation import STS

    Data = str | os.PathLike[str] | Container

logger = logging.getLogger("sentemb")
BY, MEASURES = ("method",), ("spearman", "alignment", "uniformity", "seconds")


def compare(
    methods: Sequence[str],
    data: "Data | TrainingData | None" = None,
    *,
    seeds: Sequence[int] = (0,),
    batch_size: int = 64,
    max_steps: int = 100,
    pooling: "PoolingName | None" = None,
    output: str | os.PathLike[str] = "comparison",
    overwrite: bool = False,
    **options: Any,
) -> Report:
    """Train methods on the same data, batches, steps and seeds; measure them and models alike.

    Learning rate and pooling are each method's own where none is given. Measured on the graded
    pairs of ``dev``: Spearman × 100, alignment and uniformity; and the seconds a training took.
    The folder holds ``results.jsonl``, ``compare.png`` and the ledger from which the same call
    resumes; what was trained is not kept.

    Args:
        methods: Recipes, which are trained, and models, which are measured as they are: bundled
            ones, folders or hub ids; in the order they are shown.
        data: As of `sentemb.train`.
        seeds: A run of each method for each.
        batch_size: Rows a batch.
        max_steps: Optimizer steps.
        pooling: Of methods and models, where not their own.
        output: Folder of the runs.
        overwrite: Whether runs of another comparison make way.
        options: Further arguments of `sentemb.train`, as ``dev``, ``model`` and ``settings``.

    Returns:
        A row a method or model; the record has ``plan``, ``summary``, ``results`` and ``files``.

    Raises:
        UsageError: When a value is out of range, or the folder holds another comparison.
        InputError: When a model cannot be read.
        InterruptedRunError: When a signal ended it; the same call resumes.
    """
    folder, names = Path(output), list(methods)
    shared = {"select": "last", "pooling": pooling, **options}
    shared |= {"batch_size": batch_size, "max_steps": max_steps}
    jobs = {name: train_job(name, data, **shared) for name in names if name in METHODS}
    read = {name: read_to_measure(job) for name, job in jobs.items()}
    plan: dict[str, Any] = {"methods": names, "seeds": list(seeds)}
    for name, (rows, pairs) in read.items():
        check_points([Point(name, {}, jobs[name])], rows)
        plan |= {f"{key} of {name}": v for key, v in plan_of(jobs[name], rows, pairs).items()}
    if len({plan[f"data of {name}"] for name in jobs}) > 1:
        logger.info("The methods are trained on different data: give `data` for one and the same.")
    graded = next(iter(read.values()))[1] if read else _graded(options.get("dev"))
    for name in names:
        if name not in jobs:
            plan[f"model {name}"] = fingerprint(load(name, pooling))
    with opened(folder, plan, overwrite=overwrite) as ledger:
        results: list[Result] = []
        for place, name in enumerate(names):
            if name in jobs:
                points = _points(name, jobs[name], seeds)
                results += run_points(ledger, points, *read[name], graded)
            else:
                results.append(_measured(ledger, name, place, pooling, graded))
        files = [ledger.write_lines(results)]
        lines = summarise(results, BY, MEASURES)
        ledger.claim("compare.png")
        words = [described_job(job, *read[name]) for name, job in jobs.items()]
        title = words[0] if len(set(words)) == 1 else f"measured on {graded.name}"
        files += _drawn(folder / "compare.png", lines, title, len(seeds) if jobs else 1)
    found = {"plan": plan, "summary": lines, "results": results, "files": [str(f) for f in files]}
    return Report("compare", found, [summary_table(lines, BY, MEASURES)])


def _points(name: str, job: TrainJob, seeds: Sequence[int]) -> list[Point]:
    return [
        Point(f"{name}-{seed}", {"method": name, "seed": seed}, job.with_seed(seed))
        for seed in seeds
    ]


def _graded(dev: "Data | STS | None") -> "STS":
    return as_sts(bundled(GRADED) if dev is None else dev)


def _measured(
    ledger: Ledger, name: str, place: int, pooling: "PoolingName | None", dev: "STS"
) -> Result:
    """Measure a model as it is."""
    known = ledger.result(f"model-{place}")
    if known is not None:
        return known
    with opened_model(name, pooling) as model:
        result = {"method": name, "seed": None, **dev(model.encode), "seconds": None}
    ledger.commit(f"model-{place}", result)
    return result


def _drawn(path: Path, lines: Sequence[Result], title: str, seeds: int) -> list[Path]:
    if not find_spec("matplotlib"):
        logger.info(NO_PICTURE)
        return []
    from sentemb.plotting.curves import draw_dots

    numbers = {
        line["method"]: {m: (one["mean"], one["sd"]) for m, one in line["spread"].items()}
        for line in lines
    }
    draw_dots(path, numbers, title, seeds)
    return [path]
