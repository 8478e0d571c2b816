"""`plot`: the curves of training runs, side by side."""

import os
from collections.abc import Sequence
from pathlib import Path

from sentemb.errors import UsageError
from sentemb.plotting import require_matplotlib
from sentemb.runs.training_picture import draw_runs

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
        UsageError: When matplotlib is not installed, or the output exists or is not a picture.
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
    given = [runs] if isinstance(runs, str | os.PathLike) else runs
    draw_runs(path, [Path(run) for run in given])
    return path
