"""`plot`: the curves of training runs, side by side."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sentemb.errors import InputError, UsageError
from sentemb.experiments.models import SEED
from sentemb.plotting import require_matplotlib
from sentemb.runs.run_folder import METRICS, RUN, read_object

PICTURES = (".png", ".pdf", ".svg")


def plot(
    runs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str] = "training.png",
    *,
    overwrite: bool = False,
) -> Path:
    """Draw runs over their steps: loss, dev scores, geometry, learning rate, as ``sentemb plot``.

    A run that is still trained, or was stopped, can be drawn. A folder of ``seed-0``, ``seed-1``, …
    is one run: a thin line a seed, a thick one for their mean.

    Args:
        runs: Folders that `train` or `finetune` wrote, one or several.
        output: The picture: png, pdf or svg.
        overwrite: Replace an earlier picture.

    Returns:
        Where the picture is.

    Raises:
        UsageError: When matplotlib is not installed, or the output exists or is no picture.
        InputError: When a folder holds no run, or nothing was logged yet; names it.
    """
    require_matplotlib()
    path = Path(output)
    if path.suffix not in PICTURES:
        raise UsageError(f"`output` ends in {', '.join(PICTURES)}; got '{path}'.")
    if path.exists() and not overwrite:
        raise UsageError(f"Output '{path}' exists: give another `output`, or `overwrite=True`.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"No folder '{path.parent}' to write '{path.name}' into.")
    from sentemb.plotting.training_curves import Trained, draw_training

    given = [runs] if isinstance(runs, str | os.PathLike) else list(runs)
    found, records = [], []
    for run in map(Path, given):
        folders = _seeds_of(run)
        known = [_record(folder) for folder in folders]
        best = [record.get("best_step") for record in known]
        found.append(Trained(str(run), [_history(folder) for folder in folders], best))
        records.append(known[0])
    draw_training(path, found, _title(records, [len(one.histories) for one in found]))
    return path


def _seeds_of(run: Path) -> list[Path]:
    if (run / METRICS).is_file():
        return [run]
    seeds = {path: SEED.fullmatch(path.name) for path in run.glob("seed-*")}
    found = sorted((int(match[1]), path) for path, match in seeds.items() if match)
    if not found:
        raise InputError(f"'{run}' holds no run: it has no {METRICS}.")
    return [path for _, path in found]


def _history(folder: Path) -> list[dict[str, Any]]:
    """Read the lines of a log; the last may be cut where the run is still on."""
    if not (folder / METRICS).is_file():
        raise InputError(f"'{folder}' holds no run: it has no {METRICS}.")
    lines = []
    for text in (folder / METRICS).read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    if not lines:
        raise InputError(f"'{folder}': nothing was logged yet.")
    return lines


def _record(folder: Path) -> dict[str, Any]:
    return read_object(folder / RUN) if (folder / RUN).is_file() else {}


def _title(records: Sequence[dict[str, Any]], seeds: Sequence[int]) -> str:
    """Say what is the same of all runs: method, start, data, steps."""
    words: list[str] = []
    for what in (
        {str(r.get("method") or "fine-tuning") for r in records if r},
        {f"from {Path(str(r['model'])).name}" for r in records if "model" in r},
        {f"{r['rows']:,} rows of {Path(r['data']['source']).name}" for r in records if "rows" in r},
        {f"{r['steps']} steps" for r in records if "steps" in r},
        {f"{n} seed{'s' * (n > 1)}" for n in seeds},
    ):
        words += what if len(what) == 1 else []
    return ", ".join(words) or "training"
