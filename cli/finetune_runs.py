"""From the words of a ``finetune`` command to runs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sentemb.bundled import bundled
from sentemb.datasets import TrainingData, read_training_data
from sentemb.datasets.layouts import kind_of
from sentemb.errors import InputError
from sentemb.experiments.seeds import run_each, write_seeds
from sentemb.experiments.summaries import spread_of, spread_table
from sentemb.finetuning import FinetuneSettings, finetune
from sentemb.runs.output import check_output
from sentemb.runs.run_result import Provenance

from . import console


@dataclass(frozen=True)
class FinetuneJob:
    """A ``finetune`` command, as typed but for defaults."""

    data: str | None
    dev: str | None
    columns: list[str] | None
    layouts: Sequence[tuple[str, ...]]
    model: str
    output: Path
    settings: FinetuneSettings
    resume: bool
    allow_changed: list[str]
    overwrite: bool


def run_seeds(job: FinetuneJob, seeds: Sequence[int] | None) -> dict[str, Any]:
    """Run a job once, or once a seed in folders of their own, and return what came of it."""
    reads = [path for path in (job.data, job.dev, job.model) if path]
    check_output(job.output, resume=job.resume, overwrite=job.overwrite, seeds=seeds, reads=reads)
    data, dev = _read(job)
    if seeds is None:
        return _run(job, data, dev)
    runs = run_each(job, seeds, lambda one: _run(one, data, dev))
    spread = spread_of([run["metrics"] for run in runs])
    write_seeds(job.output, {"seeds": list(seeds), "spread": spread})
    console.log(str(spread_table(len(seeds), spread)), table=True)
    return {"seeds": list(seeds), "spread": spread, "runs": runs}


def _read(job: FinetuneJob) -> tuple[TrainingData, TrainingData]:
    if job.data is None or job.dev is None:
        console.log("data: bundled topics.tsv, every fourth row for dev")
        whole = read_training_data(bundled("topics.tsv"), job.layouts, job.columns)
        return _every_fourth(whole, held=False), _every_fourth(whole, held=True)
    data = read_training_data(job.data, job.layouts, job.columns)
    dev = read_training_data(job.dev, job.layouts, job.columns, classes=data.classes)
    kinds = kind_of(data.rows.column_names), kind_of(dev.rows.column_names)
    if kinds[0] != kinds[1]:
        raise InputError(
            f"{job.data} has {kinds[0]}, {job.dev} has {kinds[1]}: give two files of one kind."
        )
    if data.classes:
        console.log(f"{len(data.classes)} labels: {', '.join(data.classes[:8])}")
    return data, dev


def _every_fourth(data: TrainingData, *, held: bool) -> TrainingData:
    """Return every fourth row, or the others."""
    chosen = [row for row in range(len(data.rows)) if (row % 4 == 3) == held]
    return replace(data, rows=data.rows.select(chosen))


def _run(job: FinetuneJob, data: TrainingData, dev: TrainingData) -> dict[str, Any]:
    run = finetune(
        job.model,
        data,
        dev,
        job.output,
        job.settings,
        resume=job.resume,
        overwrite=job.overwrite,
        allow_changed=job.allow_changed,
        provenance=Provenance(
            model=job.model,
            data=job.data or "bundled:topics.tsv",
            dev=job.dev or "bundled:topics.tsv",
        ),
    )
    for name, value in run.metrics.items():
        console.log(f"{name:12} {value:8.4f}")
    console.log(
        f"{run.rows:,} rows, {run.dev_rows:,} of dev; left out: {run.empty_rows} empty, "
        f"{data.unlabelled_rows + dev.unlabelled_rows} without a label or score; "
        f"{run.truncated_rows:,} cut to {job.settings.max_length} tokens, "
        f"{run.unknown_rows:,} with unknown tokens"
    )
    if run.skipped_steps:
        console.log(f"{run.skipped_steps:,} steps were skipped: loss or gradient was no number")
    console.log(
        f"{run.steps} steps in {run.seconds:.0f} s; step {run.best_step} kept: {run.output}"
    )
    return {**run.record, "output": str(job.output)}
