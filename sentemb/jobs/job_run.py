"""The training of a job, or what it would be."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.jobs.job_data import GRADED, name_of, settings_for, start_of
from sentemb.jobs.job_method import build
from sentemb.jobs.job_record import config_of
from sentemb.jobs.train_job import TrainJob

if TYPE_CHECKING:
    from sentemb.datasets import TrainingData
    from sentemb.evaluation import STS
    from sentemb.method import Method
    from sentemb.training import Run
    from sentemb.training.dry_run import DryRun

logger = logging.getLogger("sentemb")
TRAINING_HEADS = ("projector", "predictor")
"""Modules of a twin that the saved model does not have."""


def run(
    job: TrainJob,
    data: "TrainingData",
    dev: "STS | None",
    output: str | os.PathLike[str] | None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    allow_changed: Sequence[str] = (),
) -> "Run":
    """Train into a folder; arguments as of `sentemb.train`."""
    from sentemb.methods import recipe_named
    from sentemb.runs.run_result import Provenance
    from sentemb.training import train

    recipe, method = recipe_named(job.method), build(job, data)
    logger.info("encoder: %s", _described(job, method))
    done = train(
        method,
        data,
        None if output is None else Path(output),
        settings_for(job, data),
        dev=dev,
        resume=resume,
        overwrite=overwrite,
        allow_changed=allow_changed,
        provenance=Provenance(
            method=job.method,
            method_options=job.options(),
            citation=recipe.citation,
            model=start_of(job),
            data=name_of(job.data, f"bundled:{recipe.bundled_data}"),
            dev=name_of(job.dev, f"bundled:{GRADED}" if dev else None),
            as_it_is=_as_it_is(job, method, dev) if dev else {},
            config=config_of(job, method, data),
        ),
    )
    if getattr(data, "dev", None) is not None:
        _leave_hits(done, data, method)
    return done


def _leave_hits(done: "Run", data: Any, method: "Method") -> None:
    """Draw which pictures the first texts of the dev rows find."""
    from sentemb.modalities.hits_grid import leave_hits
    from sentemb.runs.checkpoint_commit import OF_A_RUN
    from sentemb.runs.processes import processes

    def encode(texts: list[str]) -> Any:
        return method.encoder.encode(texts, show_progress_bar=False)

    if processes().is_main_process:
        leave_hits(done.output, OF_A_RUN, data.dev, method.twin.towers()["picture"], encode)


def _described(job: TrainJob, method: "Method") -> str:
    """Name the modules of the encoder, the origin of its pooling, and what training adds."""
    from sentemb.encoders import describe
    from sentemb.locate import is_sentence_transformer, locate
    from sentemb.methods import recipe_named

    if not recipe_named(job.method).reads_texts:
        return describe(method.encoder)
    raw = isinstance(job.model, str | os.PathLike) and not is_sentence_transformer(
        locate(job.model)
    )
    pooling = f"pooling of {job.method}" if raw else "pooling of its own"
    if job.pooling is not None:
        pooling = "`pooling` as given"
    heads = [name for name, _ in method.twin.named_children() if name in TRAINING_HEADS]
    added = "".join(f"; a {name} is used in training only" for name in heads)
    added += "" if job.lora is None else f"; LoRA {job.lora}"
    return f"{describe(method.encoder)} ({pooling}{added})"


def _as_it_is(job: TrainJob, method: "Method", dev: "STS") -> dict[str, Any]:
    """Score the starting model with its own pooling, where it is trained with another."""
    from sentemb.encoders import build_encoder, describe
    from sentemb.inference.embedder import Embedder
    from sentemb.runs.random_state import random_state_kept

    with random_state_kept():
        own = build_encoder(job.model)
    if describe(own) == describe(method.encoder):
        return {}
    with Embedder(own) as embedder:
        return {"modules": describe(own), "spearman": dev(embedder.encode)["spearman"]}


def dry_run(job: TrainJob, data: "TrainingData", dev: "STS | None") -> "DryRun":
    """Return what the training would be; nothing is written."""
    from sentemb.training.dry_run import dry_run

    return dry_run(build(job, data), data, settings_for(job, data), dev)
