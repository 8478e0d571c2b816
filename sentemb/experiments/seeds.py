"""One run a seed, each in a folder of its own."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sentemb.errors import FinishedError
from sentemb.runs.run_folder import OF_SEEDS, RUN, SEEDS, read_record, write_record
from sentemb.storage import claim

logger = logging.getLogger("sentemb")


def run_each(
    job: Any, seeds: Sequence[int], run: Callable[[Any], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Run a job once a seed; where it is resumed, what has ended is kept, and the rest goes on.

    Args:
        job: A dataclass with `settings`, `output` and `resume`.
        seeds: Of the runs.
        run: From the job of one seed to the record of its run.

    Returns:
        The records, in the order of the seeds.
    """
    records = []
    for seed in seeds:
        folder = job.output / f"seed-{seed}"
        resume = job.resume and folder.exists()
        settings = replace(job.settings, seed=seed)
        try:
            records.append(run(replace(job, settings=settings, output=folder, resume=resume)))
        except FinishedError as ended:
            logger.info("Kept as it is: %s", ended)
            records.append(read_record(folder / RUN) | {"output": str(folder)})
    return records


def write_seeds(folder: Path, summary: dict[str, Any]) -> None:
    """Write what came of the runs of all seeds beside their folders."""
    claim(folder, [SEEDS], OF_SEEDS)
    write_record(folder / SEEDS, summary)
