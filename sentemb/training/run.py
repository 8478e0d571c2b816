"""`train`: from a method and rows to a model folder that tells how it was made."""

import time
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset

from sentemb.datasets import TrainingData
from sentemb.encoders.lengths import count_truncated
from sentemb.evaluation import STS
from sentemb.method import Method
from sentemb.training.arguments import training_arguments
from sentemb.training.collator import Collator
from sentemb.training.logs import EvaluateAtEnd, LogLines, MetricsFile, require_finite
from sentemb.training.output import METRICS, last_checkpoint, prepare_output, publish
from sentemb.training.packed import packed_encoders
from sentemb.training.processes import DropoutOfItsOwn, processes, refused_by_one
from sentemb.training.settings import Settings
from sentemb.training.settle import (
    check_labels,
    check_length,
    split_rows,
    with_clipping,
    with_selection,
)
from sentemb.training.signals import StopOnSignal
from sentemb.training.trainer import MASKED, ContrastiveTrainer
from sentemb.training.trial import try_out
from sentemb.training.twins import (
    check_batch,
    may_leave_parameters_out,
    set_micro_batch,
)


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
        InterruptedRunError: When SIGINT or SIGTERM ended it; the last step's checkpoint is there.
    """
    settings = with_clipping(with_selection(settings, dev), method.loss)
    batch = settings.batch_size * processes().num_processes
    check_length(method, settings.max_length)
    check_labels(method, data.rows)
    check_batch(method, batch)
    set_micro_batch(method, settings.micro_batch)
    rows, held_out = split_rows(data.rows, batch, settings.select)
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
    try_out(method, rows, collator)
    refused_by_one(
        partial(
            prepare_output, folder, resume=resume, overwrite=overwrite, steps=arguments.max_steps
        )
    )
    stop = StopOnSignal()
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
            stop,
        ],
        on_collapse=settings.on_collapse,
    )
    started = time.monotonic()
    checkpoint = str(last_checkpoint(folder)) if resume else None
    few = rows[:8][method.views[0].column]
    unpadded = packed_encoders(method, few) if settings.packed else nullcontext()
    with stop.listening(), unpadded:
        trainer.train(resume_from_checkpoint=checkpoint)
    stop.raise_if_cut_short(trainer.state.global_step, arguments.max_steps, folder)
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
