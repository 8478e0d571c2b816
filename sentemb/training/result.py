"""`Run`: what a training run came to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentemb.runs.guarded_trainer import SKIPPED
from sentemb.training.settings import Settings
from sentemb.training.trainer import MASKED, ContrastiveTrainer


@dataclass(frozen=True)
class Run:
    """What a training run came to.

    Args:
        output: The model folder.
        steps: Optimizer steps taken.
        best_step: The step whose weights became the model.
        before: Evaluation before the first step.
        metrics: Evaluation of the model.
        rows: Rows trained on.
        held_out_rows: Rows kept aside for the held-out loss.
        empty_rows: Rows without text, left out.
        rows_left_over: Rows of the incomplete last batch, left out of each epoch (others each
            time).
        truncated_texts: Texts cut to the maximum length.
        unknown_texts: Texts with a token that the encoder's tokenizer does not know.
        unknown_tokens: Tokens that it does not know.
        known_tokens: Tokens that it knows, without special tokens and prompts.
        prompts: What was put before the texts of each column.
        masked_negatives: Candidates that were not contrasted with an anchor, for their text or
            their similarity, over all steps.
        skipped_steps: Steps whose loss or gradient was no number, and that changed nothing.
        micro_batch: Rows that the encoder took at once in the end; 0 for all.
        settings: As they were resolved.
        seconds: Wall-clock time of the training, of all parts of a resumed run.
    """

    output: Path
    steps: int
    best_step: int
    before: dict[str, float]
    metrics: dict[str, float]
    rows: int
    held_out_rows: int
    empty_rows: int
    rows_left_over: int
    truncated_texts: int
    unknown_texts: int
    unknown_tokens: int
    known_tokens: int
    prompts: dict[str, str]
    masked_negatives: int
    skipped_steps: int
    micro_batch: int
    settings: Settings
    seconds: float


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
    }


def _evaluation_at(logged: list[dict[str, Any]], step: int) -> dict[str, float]:
    lines = [line for line in logged if line.get("step") == step]
    return {
        name.removeprefix("eval_"): value
        for line in lines
        for name, value in line.items()
        if name.startswith("eval_")
    }
