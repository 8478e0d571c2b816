"""`Run`: the result of a training run."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from sentemb.datasets import TrainingData
from sentemb.encoders import describe
from sentemb.encoders.lora import described_lora
from sentemb.evaluation import STS
from sentemb.method import Method
from sentemb.runs.guarded_trainer import SKIPPED
from sentemb.runs.processes import processes
from sentemb.runs.run_folder import data_record
from sentemb.runs.run_result import Provenance, RunResult, name_of_model
from sentemb.table import number
from sentemb.training.checkpoints import described_twin
from sentemb.training.mixing import said_of_source
from sentemb.training.settings import Settings
from sentemb.training.starting_point import advice, was_lowered
from sentemb.training.teaching import record_of_teacher
from sentemb.training.trainer import MASKED, ContrastiveTrainer
from sentemb.versions import versions
from sentemb.views import View


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Run(RunResult):
    """The result of a training run; further arguments as in `RunResult`.

    Args:
        before: Evaluation before the first step.
        as_it_is: That of the starting model with its own pooling, where it is trained with
            another: its ``modules`` and its ``spearman``.
        lowered_to: Evaluation of the best trained step, where none was better than the start, which
            is kept as ``best_step`` 0; else empty.
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
    as_it_is: Mapping[str, Any]
    lowered_to: Mapping[str, float]
    held_out_rows: int
    rows_left_over: int
    truncated_texts: int
    unknown_texts: int
    prompts: Mapping[str, str]
    masked_negatives: int
    micro_batch: int
    settings: Settings

    def summary(self) -> str:
        """Say what came of it, and what was left out, cut or unknown, in a few lines."""
        lines = [
            f"{name:16} {number(name, self.before.get(name)).text:>8} -> "
            f"{number(name, value).text:>8}"
            for name, value in self.metrics.items()
        ]
        if self.as_it_is:
            score = number("spearman", self.as_it_is["spearman"]).text
            now_lower = self.metrics["spearman"] < self.as_it_is["spearman"]
            lines.append(
                f"with its own pooling ({self.as_it_is['modules']}) it began at {score}"
                + now_lower * ", above what it has now: give that pooling as `pooling`"
            )
        if self.lowered_to:
            lines.append(self._said_of_the_start())
        lines.append(
            f"{self.rows:,} rows; left out: {self.empty_rows} empty, "
            f"{self.record['data']['unlabelled_rows']} without a label or score, "
            f"{self.held_out_rows} held out, {self.rows_left_over} of each epoch (incomplete "
            f"batch); {self.truncated_texts:,} texts cut to {self.settings.max_length} tokens, "
            f"{self.unknown_texts:,} with unknown tokens"
        )
        if lacking := self.record["data"]["rows_without_negatives"]:
            lines.append(f"{lacking:,} rows have no hard negative")
        lines += [
            f"data set {one['name']}: {said_of_source(one)}"
            for one in self.record["data"].get("sources", ())
        ]
        if prompts := [f"{name} {text!r}" for name, text in self.prompts.items() if text]:
            lines.append("prompts: " + ", ".join(prompts))
        if self.masked_negatives:
            lines.append(
                f"{self.masked_negatives:,} candidates were masked as likely false negatives "
                "(duplicate text, similarity above `mask_above`, or the teacher's judgement)"
            )
        return "\n".join([*lines, *self._ending()])

    def _said_of_the_start(self) -> str:
        name = "spearman" if "spearman" in self.lowered_to else "held_out_loss"
        was, became = (number(name, of[name]).text for of in (self.before, self.lowered_to))
        tries = "; ".join(advice(self.before, self.as_it_is, self.rows))
        return (
            f"No step was better than the start ({name} {was}, then {became} at best), so the "
            f"model in the folder is the one that training began with. Try, in this order: "
            f"{tries}. `select='last'` keeps the last step all the same."
        )


def what_came_of(trainer: ContrastiveTrainer, *, selected: bool) -> dict[str, Any]:
    """Return what the trainer knows of its run, as `Run` names it."""
    logged: list[dict[str, Any]] = trainer.state.log_history
    steps = trainer.state.global_step
    best = (trainer.state.best_global_step if selected else None) or steps
    before, trained = _evaluation_at(logged, 0), _evaluation_at(logged, best)
    lowered = selected and was_lowered(before, trained, trainer.args)
    return {
        "steps": steps,
        "best_step": 0 if lowered else best,
        "before": before,
        "metrics": before if lowered else trained,
        "lowered_to": trained if lowered else {},
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
        "method_options": {
            option: os.fspath(value) if isinstance(value, os.PathLike) else value
            for option, value in named.method_options.items()
        },
        "model": named.model or name_of_model(getattr(encoder.tokenizer, "name_or_path", "?")),
        "modules": describe(encoder),
        "lora": described_lora(encoder),
        "views": views,
        "loss": loss,
        "data": data_record(data, named.data or data.source),
        "dev": named.dev or (dev.name if dev else None),
        "processes": processes().num_processes,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": versions(),
        **({"towers": [*towers]} if (towers := method.twin.towers()) else {}),
        **record_of_teacher(method.twin),
        **came,
        "settings": asdict(settings),
        **({} if named.config is None else {"config": dict(named.config)}),
    }


def _shown(view: View) -> str:
    """Name a view's column and what is done to it."""
    changes = (view.edit, view.edit_tokens, view.order, view.perturb)
    return ", ".join([view.column, *(repr(change) for change in changes if change is not None)])
