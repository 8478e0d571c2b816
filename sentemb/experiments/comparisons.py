"""`compare`: methods trained alike, and models as they are, measured beside each other."""

import logging
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.encoding.fingerprint import fingerprint
from sentemb.errors import UsageError
from sentemb.experiments.ledger import Ledger, opened
from sentemb.experiments.models import load
from sentemb.experiments.models import opened as opened_model
from sentemb.experiments.runner import Job, Point, check_points, run_points
from sentemb.experiments.studies import NO_PICTURE
from sentemb.experiments.summaries import Result, summarise, summary_table
from sentemb.table import Report

if TYPE_CHECKING:
    from sentemb.encoders import PoolingName
    from sentemb.evaluation import STS

logger = logging.getLogger("sentemb")
BY, MEASURES = ("method",), ("spearman", "alignment", "uniformity", "seconds")


def compare(
    names: Sequence[str],
    jobs: Mapping[str, Job],
    *,
    dev: "STS | None" = None,
    seeds: Sequence[int] = (0,),
    pooling: "PoolingName | None" = None,
    output: str | os.PathLike[str],
    overwrite: bool = False,
) -> Report:
    """Run what is not done yet of a comparison, and draw it.

    Args:
        names: Methods and models in the order they are shown; what is no job is a model.
        jobs: The run of each method.
        dev: Graded pairs, where nothing is trained; else those of the first job are used.
        seeds: A run of each method for each.
        pooling: Of the models, where not their own.
        output: Folder of the runs.
        overwrite: Whether runs of another comparison make way.

    Returns:
        A row a method or model; the record has ``plan``, ``summary``, ``results`` and ``files``.

    Raises:
        UsageError: When a value is out of range, or the folder holds another comparison.
        InputError: When a model cannot be read.
        InterruptedRunError: When a signal ended it; the same call goes on.
    """
    folder = Path(output)
    read = {name: job.read() for name, job in jobs.items()}
    plan: dict[str, Any] = {"methods": list(names), "seeds": list(seeds)}
    for name, (data, pairs) in read.items():
        check_points([Point(name, {}, jobs[name])], data)
        plan |= {f"{key} of {name}": v for key, v in jobs[name].plan(data, pairs).items()}
    if len({plan[f"data of {name}"] for name in jobs}) > 1:
        logger.info("The methods are trained on different data: give `data` for one and the same.")
    graded = next(iter(read.values()))[1] if read else dev
    if graded is None:
        raise UsageError("There is nothing to measure on: give graded pairs, as dev.")
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
        files += _drawn(folder / "compare.png", lines)
    found = {"plan": plan, "summary": lines, "results": results, "files": [str(f) for f in files]}
    return Report("compare", found, [summary_table(lines, BY, MEASURES)])


def _points(name: str, job: Job, seeds: Sequence[int]) -> list[Point]:
    return [
        Point(f"{name}-{seed}", {"method": name, "seed": seed}, job.with_seed(seed))
        for seed in seeds
    ]


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


def _drawn(path: Path, lines: Sequence[Result]) -> list[Path]:
    if not find_spec("matplotlib"):
        logger.info(NO_PICTURE)
        return []
    from sentemb.plotting.curves import draw_dots

    numbers = {
        line["method"]: {m: (one["mean"], one["sd"]) for m, one in line["spread"].items()}
        for line in lines
    }
    draw_dots(path, numbers)
    return [path]
