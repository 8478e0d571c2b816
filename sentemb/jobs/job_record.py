"""What is written down of a job: how to run it again, and what its results depend on."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sentemb.jobs.job_data import name_of, settings_for
from sentemb.jobs.job_method import build
from sentemb.jobs.train_job import TrainJob
from sentemb.values import as_names

if TYPE_CHECKING:
    from sentemb.datasets import TrainingData
    from sentemb.evaluation import STS
    from sentemb.method import Method


def config_of(job: TrainJob, method: "Method", data: "TrainingData") -> dict[str, Any]:
    """Return the options of ``sentemb train`` that make the run again, but for its folder.

    Views and loss stand as their ``repr``.

    Args:
        job: The training.
        method: As it was built.
        data: As they were read.
    """
    from sentemb.runs.conditions import stable_repr

    given = {
        "method": job.method,
        "model": name_of(job.model, "mini"),
        "data": None if job.data is None else data.source,
        **_of_sources(job),
        "dev": name_of(job.dev, None),
        "pooling": job.pooling,
        "columns": ",".join(as_names("columns", job.columns or ())),
        "prompt": [f"{column}={prompt}" for column, prompt in job.prompt.items()],
        "include_prompt": job.include_prompt,
        "bidirectional": job.bidirectional or None,
        "template": job.template,
        "lora": None if job.lora is None else str(job.lora),
        "view": [stable_repr(view) for view in method.views] if job.view else [],
        "loss": None if job.loss is None else stable_repr(job.loss),
        "matryoshka": ",".join(map(str, job.matryoshka)),
        "mask_above": job.mask_above,
        "score": job.score,
        "mixing": job.mixing,
    }
    given = {name: value for name, value in given.items() if value not in (None, "", [])}
    return given | job.options() | asdict(settings_for(job, data))


def _of_sources(job: TrainJob) -> dict[str, Any]:
    """Return the options that name several data sets; empty where there is one."""
    from sentemb.data_sources import described_sources, several_of

    sources = several_of(job.data)
    return {} if sources is None else described_sources(sources, lambda one: name_of(one, None))


def plan_of(job: TrainJob, data: "TrainingData", dev: "STS") -> dict[str, Any]:
    """Return what the results depend on, by value, never by path or name."""
    from sentemb.runs.conditions import (
        WITHOUT_EFFECT,
        described,
        described_rows,
        stable_repr,
        weights,
    )
    from sentemb.training.teaching import TEACHERS, condition_of_teacher

    method = build(job, data)
    rows = zip(dev.sentences1, dev.sentences2, dev.scores, strict=True)
    of_sources = {k: v for k, v in _of_sources(job).items() if k != "data"}
    left_out = {"seed", "packed", "compile", *WITHOUT_EFFECT} - {"epochs", "max_steps"}
    return {
        "method": job.method,
        "method_options": {k: v for k, v in job.options().items() if k not in TEACHERS},
        **condition_of_teacher(method.twin),
        "views": [stable_repr(view) for view in method.views] if job.view else [],
        "loss": None if job.loss is None else stable_repr(job.loss),
        "matryoshka": list(job.matryoshka),
        "mask_above": job.mask_above,
        **({"score": job.score} if job.score is not None else {}),
        "pooling": job.pooling,
        **({"mixing": job.mixing, "sources": of_sources} if of_sources else {}),
        **({"prompts": dict(job.prompt)} if job.prompt else {}),
        **({"include_prompt": job.include_prompt} if job.include_prompt is not None else {}),
        **({"bidirectional": True} if job.bidirectional else {}),
        **({"template": job.template} if job.template is not None else {}),
        **({"lora": str(job.lora)} if job.lora is not None else {}),
        **{k: v for k, v in asdict(settings_for(job, data)).items() if k not in left_out},
        "model": weights(method.encoder[0]),
        "data": described_rows(data.rows),
        "dev": described(len(dev.scores), map(repr, rows)),
    }
