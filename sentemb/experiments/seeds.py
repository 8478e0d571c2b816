"""`run_seeds`: one run a seed, each in its own folder."""

import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sentemb.errors import FinishedError, UsageError
from sentemb.experiments.summaries import spread_of, spread_table
from sentemb.runs.output import check_output
from sentemb.runs.processes import processes, refused_by_one
from sentemb.runs.run_folder import OF_SEEDS, RUN, SEEDS, read_record, write_record
from sentemb.runs.run_result import RunResult
from sentemb.runs.training_picture import leave_picture
from sentemb.storage import claim
from sentemb.table import Report

logger = logging.getLogger("sentemb")


def run_seeds(
    run: Callable[..., RunResult],
    seeds: Sequence[int],
    output: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] = "mini",
    resume: bool = False,
    overwrite: bool = False,
    **options: Any,
) -> Report:
    """Train or fine-tune once a seed; where that is resumed, what has ended is kept.

    Args:
        run: `sentemb.train` or `sentemb.finetune`.
        seeds: Of the runs.
        output: Folder, which gets one of each run, ``seed-0`` and so on, ``seeds.json``, and
            ``training.png`` of all seeds where matplotlib is installed.
        model: That every run starts from, by name.
        resume: Go on with what is left of them.
        overwrite: Start afresh where the folder holds earlier runs of these seeds.
        options: Further arguments of ``run``.

    Returns:
        The mean and the standard deviation of each number; the record has ``seeds``, ``spread`` and
        ``runs``, which holds what each ``run.json`` does.

    Raises:
        UsageError: When the model is an object, which the first run would change; and as ``run``.

    Example:
        ``run_seeds(sentemb.train, range(5), "runs/five", method="simcse-unsup", data=texts)``
    """
    if not isinstance(model, str | os.PathLike):
        raise UsageError(
            "Several seeds need a model given by name, because each run loads it again."
        )
    folder, seeds = Path(output), list(seeds)
    check = partial(check_output, folder, resume=resume, overwrite=overwrite, seeds=seeds)
    refused_by_one(partial(check, reads=[str(model), *_paths(options)]))
    records = []
    for seed in seeds:
        place = folder / f"seed-{seed}"
        goes_on = resume and place.exists()
        try:
            came = run(
                output=place,
                model=model,
                seed=seed,
                resume=goes_on,
                overwrite=overwrite,
                **options,
            )
            records.append({**came.record, "output": str(place)})
        except FinishedError as ended:
            logger.info("Kept as it is: %s", ended)
            records.append(read_record(place / RUN) | {"output": str(place)})
    spread = spread_of([record["metrics"] for record in records])
    summary = {"seeds": seeds, "spread": spread}
    if processes().is_main_process:
        claim(folder, [SEEDS], OF_SEEDS)
        write_record(folder / SEEDS, summary)
        leave_picture(folder, OF_SEEDS)
    notes = [] if spread else ["No dev set, so there is no score to spread: give `dev`."]
    tables = [spread_table(len(seeds), spread)] if spread else []
    return Report("train", summary | {"runs": records}, tables, notes)


def _paths(options: dict[str, Any]) -> list[str]:
    return [os.fspath(v) for v in options.values() if isinstance(v, str | os.PathLike)]
