"""From the words of a ``train`` command to runs: strings become objects here."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from transformers import set_seed

from sentemb.bundled import bundled
from sentemb.datasets import TrainingData, read_sts, read_training_data
from sentemb.encoders import PoolingName, build_encoder
from sentemb.encoders.prompts import set_prompts
from sentemb.encoders.trainable import require_transformer
from sentemb.errors import UsageError
from sentemb.evaluation import STS
from sentemb.experiments.seeds import run_each, write_seeds
from sentemb.experiments.summaries import spread_of, spread_table
from sentemb.method import Method
from sentemb.methods.overrides import override
from sentemb.runs.conditions import described, described_rows, weights
from sentemb.runs.output import check_output
from sentemb.runs.processes import processes, refused_by_one
from sentemb.runs.run_result import Provenance
from sentemb.training import Run, train

from . import console
from .jobs import TrainJob
from .spec import make_loss, make_view

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

WITHOUT_EFFECT = (
    *("seed", "workers", "save_steps", "keep_checkpoints"),
    *("on_collapse", "max_bad_steps", "packed"),
)
"""Settings that no result depends on."""


def run_seeds(job: TrainJob, seeds: Sequence[int] | None) -> dict[str, Any]:
    """Run a job once, or once a seed in folders of their own, and return what came of it."""
    refused_by_one(
        partial(
            check_output,
            job.output,
            resume=job.resume,
            overwrite=job.overwrite,
            seeds=seeds,
            reads=job.reads,
        )
    )
    job = job.without_replaced()
    data, dev = read_data(job)
    if seeds is None:
        return run(job, data, dev)
    records = run_each(job, seeds, lambda one: run(one, data, dev))
    spread = spread_of([record["metrics"] for record in records])
    summary = {"seeds": list(seeds), "spread": spread}
    if processes().is_main_process:
        write_seeds(job.output, summary)
    if not spread:
        console.log("No dev set, so there is no score to spread: give --dev.")
        return summary | {"runs": records}
    console.log(str(spread_table(len(seeds), spread)), table=True)
    return summary | {"runs": records}


def read_data(job: TrainJob) -> tuple[TrainingData, STS | None]:
    """Read the data, bundled where none is named, and say what is used."""
    source = job.data or str(bundled(job.recipe.bundled_data))
    data = read_training_data(source, job.recipe.layouts, job.columns)
    dev_source = job.dev or (None if job.data else str(bundled("graded.tsv")))
    dev = read_sts(dev_source) if dev_source else None
    console.log(
        f"{job.method} from {job.model}; data: {job.data or 'bundled ' + Path(source).name} "
        f"({len(data.rows):,} rows); dev: {_named_dev(job, dev)}"
    )
    if data.classes:
        shown = ", ".join(data.classes[:8]) + (", …" if len(data.classes) > 8 else "")
        console.log(f"{len(data.classes)} labels: {shown}")
    return data, dev


def _named_dev(job: TrainJob, dev: STS | None) -> str:
    if dev is None and job.settings.select == "held-out-loss":
        return "none, held-out rows choose the checkpoint"
    if dev is None:
        return "none, the last step is kept"
    return f"{job.dev or 'bundled graded.tsv'} ({len(dev.scores):,} pairs)"


def run(job: TrainJob, data: TrainingData, dev: STS | None) -> dict[str, Any]:
    """Train, tell what came of it, and return it as it stands in ``run.json``."""
    encoder = starting_encoder(job)
    method = build_method(job, encoder, data)
    came = train(
        method,
        data,
        job.output,
        job.settings,
        dev=dev,
        resume=job.resume,
        overwrite=job.overwrite,
        allow_changed=job.allow_changed,
        provenance=Provenance(
            method=job.method,
            method_options=job.method_options,
            citation=job.recipe.citation,
            model=job.model,
            data=job.data or f"bundled:{job.recipe.bundled_data}",
            dev=job.dev or ("bundled:graded.tsv" if dev else None),
        ),
    )
    _tell(came, data.unlabelled_rows)
    return {**came.record, "output": str(job.output)}


def starting_encoder(job: TrainJob) -> "SentenceTransformer":
    """Build the encoder that a job starts from; what is random in it is its seed's."""
    set_seed(job.settings.seed)
    encoder = build_encoder(
        job.model,
        pooling=cast("PoolingName | None", job.pooling),
        raw_pooling=job.recipe.pooling,
    )
    require_transformer(encoder, job.model, "training")
    return encoder


def give_prompts(method: Method, prompts: Mapping[str, str]) -> None:
    """Give the encoders of a method the prompts that were typed."""
    columns = [view.column for view in method.views]
    for encoder in (method.encoder, *method.twin.other_encoders().values()):
        set_prompts(encoder, prompts, columns)


def build_method(job: TrainJob, encoder: "SentenceTransformer", data: TrainingData) -> Method:
    """Build the method of a job, with its prompts, and what replaces the recipe's parts."""
    options = dict(job.method_options)
    parameters = inspect.signature(job.recipe.build).parameters
    if "columns" in parameters:
        options["columns"] = data.rows.column_names
    if "classes" in parameters:
        options["classes"] = len(data.classes)
    method = job.recipe.build(encoder, **options)
    method = override(
        method,
        job.method,
        [make_view(words, method.encoder) for words in job.views],
        make_loss(job.loss) if job.loss is not None else None,
        matryoshka=job.matryoshka,
        mask_above=job.mask_above,
    )
    give_prompts(method, job.prompts)
    return method


def _tell(run: Run, unlabelled: int) -> None:
    for name, value in run.metrics.items():
        before, after = console.number(name, run.before.get(name)), console.number(name, value)
        console.log(f"{name:16} {before:>8} -> {after:>8}")
    if run.metrics.get("spearman", 0) < run.before.get("spearman", 0):
        console.log("Training lowered the dev score: try a lower --learning-rate or more data.")
    console.log(
        f"{run.rows:,} rows; left out: {run.empty_rows} empty, {unlabelled} without a label or "
        f"score, {run.held_out_rows} held out, "
        f"{run.rows_left_over} of each epoch (incomplete batch); {run.truncated_texts:,} texts "
        f"cut to {run.settings.max_length} tokens, {run.unknown_texts:,} with unknown tokens"
    )
    if prompts := {column: prompt for column, prompt in run.prompts.items() if prompt}:
        console.log("prompts: " + ", ".join(f"{name} {text!r}" for name, text in prompts.items()))
    if run.masked_negatives:
        console.log(
            f"{run.masked_negatives:,} candidates were no negatives: the text of the anchor or of "
            "its positive once more, or above --mask-above"
        )
    if run.skipped_steps:
        console.log(f"{run.skipped_steps:,} steps were skipped: loss or gradient was no number")
    console.log(
        f"{run.steps} steps in {run.seconds:.0f} s; step {run.best_step} kept: {run.output}"
    )


def read_with_dev(job: TrainJob) -> tuple[TrainingData, STS]:
    """Read the data and the graded pairs that all runs are measured on, by default bundled."""
    named = job if job.dev or not job.data else replace(job, dev=str(bundled("graded.tsv")))
    data, dev = read_data(named)
    if dev is None:
        raise UsageError("There is nothing to measure on: give graded pairs, as --dev.")
    return data, dev


def plan_of(job: TrainJob, data: TrainingData, dev: STS) -> dict[str, Any]:
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
