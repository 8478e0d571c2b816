"""From the words of a ``compare`` command to runs, a table and a picture."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sentemb.encoders import PoolingName, build_encoder
from sentemb.encoding.fingerprint import fingerprint
from sentemb.evaluation import STS
from sentemb.experiments import Ledger, opened
from sentemb.experiments.summaries import summarise, summary_table
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import PlainEncoder, load_encoder
from sentemb.table import Report

from . import console
from .jobs import Job, job_from
from .options import DEFAULT_METHOD
from .points import Point, check_points, plan_of, read_with_dev, run_points
from .source import METHODS

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BY, MEASURES = ("method",), ("spearman", "alignment", "uniformity", "seconds")
Result = dict[str, Any]


def run_compare(
    names: Sequence[str],
    jobs: dict[str, Job],
    options: dict[str, Any],
    seeds: Sequence[int],
    output: Path,
    *,
    overwrite: bool,
) -> Report:
    """Run what is not done yet of a comparison; return what came of it, and its table.

    Raises:
        UsageError: When a value is out of range, or the folder holds another comparison.
    """
    read = {name: read_with_dev(job) for name, job in jobs.items()}
    plan: dict[str, Any] = {"methods": list(names), "seeds": list(seeds)}
    for name, (data, dev) in read.items():
        check_points([Point(name, {}, jobs[name])], data)
        plan |= {f"{key} of {name}": v for key, v in plan_of(jobs[name], data, dev).items()}
    if len({plan[f"data of {name}"] for name in jobs}) > 1:
        console.log("The methods are trained on different data: give --data for one and the same.")
    dev = next(iter(read.values()))[1] if read else _dev(options, output)
    models = [name for name in names if name not in METHODS]
    plan |= {f"model {name}": fingerprint(_loaded(name, options)) for name in models}
    with opened(output, plan, overwrite=overwrite) as ledger:
        results: list[Result] = []
        for name in names:
            if name in METHODS:
                points = _points(name, jobs[name], seeds)
                results += run_points(ledger, points, *read[name], dev)
            else:
                results.append(_measured(ledger, name, names.index(name), options, dev))
        files = [ledger.write_lines(results)]
        lines = summarise(results, BY, MEASURES)
        ledger.claim("compare.png")
        files += _drawn(output / "compare.png", lines)
    found = {"plan": plan, "summary": lines, "results": results, "files": [str(f) for f in files]}
    return Report("compare", found, [summary_table(lines, BY, MEASURES)])


def _dev(options: dict[str, Any], output: Path) -> STS:
    """Return the graded pairs where nothing is trained."""
    return read_with_dev(job_from({**options, "method": DEFAULT_METHOD}, output))[1]


def _points(name: str, job: Job, seeds: Sequence[int]) -> list[Point]:
    return [
        Point(f"{name}-{seed}", {"method": name, "seed": seed}, job.with_seed(seed, job.output))
        for seed in seeds
    ]


def _measured(ledger: Ledger, model: str, number: int, options: dict[str, Any], dev: STS) -> Result:
    """Measure a model as it is."""
    known = ledger.result(f"model-{number}")
    if known is not None:
        return known
    with Embedder(_loaded(model, options)) as embedder:
        result = {"method": model, "seed": None, **dev(embedder.encode), "seconds": None}
    ledger.commit(f"model-{number}", result)
    return result


def _loaded(model: str, options: dict[str, Any]) -> "PlainEncoder | SentenceTransformer":
    pooling = cast("PoolingName | None", options["pooling"])
    return build_encoder(model, pooling=pooling) if pooling else load_encoder(model)


def _drawn(path: Path, lines: Sequence[Result]) -> list[Path]:
    if not find_spec("matplotlib"):
        console.log('No picture without matplotlib: pip install "sentemb[plot]".')
        return []
    from sentemb.plotting.curves import draw_dots

    numbers = {
        line["method"]: {m: (one["mean"], one["sd"]) for m, one in line["spread"].items()}
        for line in lines
    }
    draw_dots(path, numbers)
    return [path]
