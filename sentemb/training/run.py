"""`train`: from a method and rows to a model folder that tells how it was made."""

import logging
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset

from sentemb.datasets import TrainingData
from sentemb.encoders.lengths import count_truncated
from sentemb.errors import UsageError
from sentemb.evaluation import STS
from sentemb.losses import Loss
from sentemb.losses.parts import never_fades, parts
from sentemb.method import Method
from sentemb.training.arguments import training_arguments
from sentemb.training.collator import LABEL, Collator
from sentemb.training.held_out import loss_of
from sentemb.training.logs import EvaluateAtEnd, LogLines, MetricsFile, require_finite
from sentemb.training.output import METRICS, last_checkpoint, prepare_output, publish
from sentemb.training.processes import DropoutOfItsOwn, processes, refused_by_one
from sentemb.training.randomness import random_state_kept
from sentemb.training.rows import NumberedRows
from sentemb.training.settings import Select, Settings
from sentemb.training.trainer import MASKED, ContrastiveTrainer
from sentemb.training.twins import (
    check_batch,
    may_leave_parameters_out,
    need_a_reader_of_the_queue,
    queue_filled,
    set_micro_batch,
)

logger = logging.getLogger("sentemb")


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
        masked_negatives: Candidates that were not contrasted with an anchor, for their text or
            their similarity, over all steps.
        settings: As they were resolved.
        seconds: Wall-clock time of the training.
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
    masked_negatives: int
    settings: Settings
    seconds: float


def train(
    method: Method,
    data: TrainingData,
    output: str | Path,
    settings: Settings,
    dev: STS | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> Run:
    """Train a method and save its encoder as a plain sentence-transformers model.

    Args:
        method: What is trained.
        data: Rows with the columns that the method's views read.
        output: Folder of the model; also gets ``metrics.jsonl`` and ``checkpoints/``.
        settings: How to train.
        dev: Evaluated every ``eval_steps``, and before the first step.
        resume: Go on from the last checkpoint in ``output``.
        overwrite: Start afresh where ``output`` holds an earlier run.

    Raises:
        UsageError: When the batch is larger than the data, or the output folder is not empty.
        IdenticalViewsError: When the views of a sentence do not differ.
        NumericError: When the loss is not a number.
    """
    settings = _with_clipping(_with_selection(settings, dev), method.loss)
    batch = settings.batch_size * processes().num_processes
    _check_length(method, settings.max_length)
    _check_labels(method, data.rows)
    check_batch(method, batch)
    set_micro_batch(method, settings.micro_batch)
    rows, held_out = _split(data.rows, batch, settings.select)
    folder = Path(output)
    arguments = training_arguments(
        settings,
        folder,
        len(rows),
        evaluates=bool(dev or held_out),
        resumes=resume,
        leaves_out=may_leave_parameters_out(method),
    )
    collator = Collator(
        method.encoder,
        method.views,
        settings.max_length,
        settings.seed,
        mask_identical=settings.mask_identical,
    )
    _try_out(method, rows, collator)
    refused_by_one(
        partial(
            prepare_output, folder, resume=resume, overwrite=overwrite, steps=arguments.max_steps
        )
    )
    trainer = ContrastiveTrainer(
        method,
        arguments,
        rows,
        collator,
        evaluators=[dev] if dev else [],
        held_out=held_out,
        callbacks=[
            DropoutOfItsOwn(),
            MetricsFile(folder / METRICS),
            LogLines(),
            EvaluateAtEnd(),
        ],
        on_collapse=settings.on_collapse,
    )
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=str(last_checkpoint(folder)) if resume else None)
    seconds = time.monotonic() - started
    best_step = trainer.state.best_global_step if settings.select != "last" else None
    run = Run(
        output=folder,
        steps=trainer.state.global_step,
        best_step=best_step or trainer.state.global_step,
        before=_evaluation_at(trainer, 0),
        metrics=_evaluation_at(trainer, best_step or trainer.state.global_step),
        rows=len(rows),
        held_out_rows=len(held_out or []),
        empty_rows=data.empty_rows,
        rows_left_over=len(rows) % batch,
        truncated_texts=_truncated(method, rows, settings.max_length),
        masked_negatives=sum(int(line.get(MASKED, 0)) for line in trainer.state.log_history),
        settings=settings,
        seconds=round(seconds, 1),
    )
    require_finite(method)
    if processes().is_main_process:
        publish(method, folder)
    return run


def _with_selection(settings: Settings, dev: STS | None) -> Settings:
    if settings.select == "spearman" and dev is None:
        raise UsageError("select=spearman needs a dev set: give --dev, or select held-out-loss.")
    if settings.select != "auto":
        return settings
    return replace(settings, select="spearman" if dev else "last")


def _with_clipping(settings: Settings, loss: Loss) -> Settings:
    if settings.max_grad_norm is not None:
        return settings
    if not never_fades(loss):
        return replace(settings, max_grad_norm=1.0)
    logger.info(
        "Gradients are not clipped: that of FlatNCE keeps its size by design, and clipping would "
        "act at most steps (max_grad_norm 1 clips)."
    )
    return replace(settings, max_grad_norm=0.0)


def _check_length(method: Method, max_length: int) -> None:
    limit = method.encoder.max_seq_length
    if limit is not None and max_length > limit:
        raise UsageError(f"max_length is {max_length}, but the encoder takes {limit} tokens.")


def _check_labels(method: Method, rows: Dataset) -> None:
    """Let losses that are particular about labels see all of them before the first step."""
    if LABEL in rows.column_names:
        labels = torch.tensor(rows[LABEL][:])
        for part in parts(method.loss):
            getattr(part, "check_labels", lambda labels: None)(labels)


def _split(rows: Dataset, batch: int, select: Select) -> tuple[Dataset, Dataset | None]:
    """Keep whole batches of about a twentieth aside where the held-out loss selects."""
    if select != "held-out-loss":
        if len(rows) < 2:
            raise UsageError(f"{len(rows)} row is nothing to contrast: at least 2 are needed.")
        if len(rows) < batch:
            raise UsageError(
                f"The batch of {batch} is larger than the data ({len(rows)} rows): "
                f"give --batch-size {len(rows)} or less, or more data."
            )
        return rows, None
    held = batch * min(8, max(1, len(rows) // (20 * batch)))
    if len(rows) < held + batch:
        raise UsageError(
            f"{len(rows)} rows are too few to hold a batch of {batch} out: "
            f"give --batch-size {len(rows) // 2} or less, or --select last."
        )
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0)).tolist()
    return rows.select(order[held:]), rows.select(order[:held])


def _try_out(method: Method, rows: Dataset, collator: Collator) -> None:
    """Run a few rows before anything is written, so that what cannot work is said at once.

    Twice where there is a queue: it is filled then, and emptied again.
    """
    column = rows[method.views[0].column]
    longest = sorted(range(min(len(rows), 1000)), key=lambda row: -len(column[row]))
    few = NumberedRows(rows.select(longest[:8]))
    batch = few.__getitems__(list(range(len(few))))
    was_training = method.training
    with random_state_kept():
        loss_of(method.train(), batch, collator)
        with queue_filled(method) as is_filled:
            if is_filled:
                loss_of(method, batch, collator)
                need_a_reader_of_the_queue(method)
    method.train(was_training)


def _evaluation_at(trainer: ContrastiveTrainer, step: int) -> dict[str, float]:
    logged: list[dict[str, Any]] = trainer.state.log_history
    lines = [line for line in logged if line.get("step") == step]
    return {
        name.removeprefix("eval_"): value
        for line in lines
        for name, value in line.items()
        if name.startswith("eval_")
    }


def _truncated(method: Method, rows: Dataset, max_length: int) -> int:
    columns = {view.column for view in method.views}
    return sum(count_truncated(method.encoder, rows[column], max_length) for column in columns)
