"""`Run`: what a training run came to."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from sentemb.datasets import TrainingData
from sentemb.encoders import describe
from sentemb.evaluation import STS
from sentemb.method import Method
from sentemb.runs.guarded_trainer import SKIPPED
from sentemb.runs.processes import processes
from sentemb.runs.result import Provenance, RunResult, name_of_model
from sentemb.runs.run_folder import data_record
from sentemb.training.checkpoints import described_twin
from sentemb.training.settings import Settings
from sentemb.training.trainer import MASKED, ContrastiveTrainer
from sentemb.versions import versions
from sentemb.views import View


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Run(RunResult):
    """What a training run came to; further arguments as in `RunResult`.

    Args:
        before: Evaluation before the first step.
        held_out_rows: Rows kept aside for the held-out loss.
        rows_left_over: Rows of the incomplete last batch, left out of each epoch (others each
            time).
        truncated_texts: Texts cut to the maximum length.
        unknown_texts: Texts with a token that the encoder's tokenizer does not know.
        prompts: What was put before the texts of each column.
        masked_negatives: Candidates that were not contrasted with an anchor, for their text or
            their similarity, over all steps.
        micro_batch: Rows that the encoder took at once in the end; 0 for all.
        settings: As they were resolved.
    """

    before: Mapping[str, float]
    held_out_rows: int
    rows_left_over: int
    truncated_texts: int
    unknown_texts: int
    prompts: Mapping[str, str]
    masked_negatives: int
    micro_batch: int
    settings: Settings


def what_came_of(trainer: ContrastiveTrainer, *, selected: bool) -> dict[str, Any]:
    """Return what the trainer knows of its run, as `Run` names it."""
    logged: list[dict[str, Any]] = trainer.state.log_history
    steps = trainer.state.global_step
    best = (trainer.state.best_global_step if selected else None) or steps
    return {
        "steps": steps,
        "best_step": best,
        "before": _evaluation_at(logged, 0),
        "metrics": _evaluation_at(logged, best),
        "masked_negatives": sum(int(line.get(MASKED, 0)) for line in logged),
        "skipped_steps": sum(int(line.get(SKIPPED, 0)) for line in logged),
        "micro_batch": trainer.micro_batch,
        "seconds": round(trainer.seconds, 1),
    }


def _evaluation_at(logged: Sequence[dict[str, Any]], step: int) -> dict[str, float]:
    lines = [line for line in logged if line.get("step") == step]
    return {
        name.removeprefix("eval_"): value
        for line in lines
        for name, value in line.items()
        if name.startswith("eval_")
    }


def record_of(
    method: Method,
    data: TrainingData,
    dev: STS | None,
    named: Provenance,
    settings: Settings,
    came: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what ``run.json`` holds.

    Args:
        method: As it was trained.
        data: As it was read.
        dev: Evaluated on.
        named: How the parts were named.
        settings: As resolved.
        came: What came of the run, as `Run` names it.
    """
    views = [_shown(view) for view in method.views]
    encoder, loss = method.encoder, repr(method.loss)
    words = f"Method([{'; '.join(views)}], {described_twin(method.twin)}, {loss})"
    return {
        "method": named.method or words,
        "method_options": dict(named.method_options),
        "model": named.model or name_of_model(getattr(encoder.tokenizer, "name_or_path", "?")),
        "modules": describe(encoder),
        "views": views,
        "loss": loss,
        "data": data_record(data, named.data or data.source),
        "dev": named.dev or (dev.name if dev else None),
        "processes": processes().num_processes,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": versions(),
        **came,
        "settings": asdict(settings),
    }


def _shown(view: View) -> str:
    """Name a view's column and what is done to it."""
    changes = (view.edit, view.edit_tokens, view.order, view.perturb)
    return ", ".join([view.column, *(repr(change) for change in changes if change is not None)])
