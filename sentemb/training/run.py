"""`train`: from a method and rows to a model folder that tells how it was made."""

from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path

from sentemb.datasets import TrainingData
from sentemb.encoders.prompts import prompt_of
from sentemb.encoders.trainable import made_trainable
from sentemb.evaluation import STS
from sentemb.method import Method
from sentemb.training.arguments import training_arguments
from sentemb.training.checkpoints import fits
from sentemb.training.collator import Collator
from sentemb.training.conditions import conditions_of, require_unchanged
from sentemb.training.earlier import METRICS
from sentemb.training.logs import EvaluateAtEnd, LogLines, MetricsFile, require_finite
from sentemb.training.output import last_checkpoint, prepare_output
from sentemb.training.packed import packed_encoders
from sentemb.training.processes import DropoutOfItsOwn, processes, refused_by_one
from sentemb.training.publish import publish
from sentemb.training.reads import read_by
from sentemb.training.result import Run, what_came_of
from sentemb.training.settings import Settings
from sentemb.training.settle import (
    check_labels,
    check_length,
    check_pooling,
    check_texts,
    split_rows,
    what_is_read,
    with_clipping,
    with_selection,
)
from sentemb.training.signals import StopOnSignal
from sentemb.training.trainer import ContrastiveTrainer
from sentemb.training.trial import try_out


def train(
    method: Method,
    data: TrainingData,
    output: str | Path,
    settings: Settings,
    dev: STS | None = None,
    resume: bool = False,
    overwrite: bool = False,
    allow_changed: Sequence[str] = (),
) -> Run:
    """Train a method and save its encoder as a plain sentence-transformers model.

    Args:
        method: What is trained.
        data: Rows with the columns that the method's views read.
        output: Folder of the model; also gets ``metrics.jsonl`` and ``checkpoints/``.
        settings: How to train.
        dev: Evaluated every ``eval_steps``, and before the first step.
        resume: Go on from the last checkpoint in ``output``, or from step 0 if it has none yet.
        overwrite: Start afresh where ``output`` holds an earlier run.
        allow_changed: Settings, or ``data``, ``model`` and the like, that a resumed run may have
            otherwise than the one it goes on with.

    Raises:
        UsageError: When the batch is larger than the data, the output folder is not empty, or a
            resumed run is not the one that was started.
        LockedError: When another run writes to the folder.
        InputError: When all texts are one, or the pooling does not see the whole text.
        IdenticalViewsError: When the views of a sentence do not differ.
        NumericError: When the loss is not a number in several steps on end, or an evaluation is
            none.
        OutOfMemoryError: When not even one row at a time fits.
        StorageError: When a checkpoint or the model could not be written.
        InterruptedRunError: When SIGINT or SIGTERM ended it; the last step's checkpoint is there.
    """
    made_trainable(method)
    settings = with_clipping(with_selection(settings, dev), method.loss)
    batch = settings.batch_size * processes().num_processes
    check_length(method, settings.max_length)
    check_labels(method, data.rows)
    check_texts(method, data.rows)
    check_pooling(method)
    method.check_batch(batch)
    method.set_micro_batch(settings.micro_batch)
    rows, held_out = split_rows(data.rows, batch, settings.select)
    folder = Path(output)
    arguments = training_arguments(
        settings,
        folder,
        len(rows),
        evaluates=bool(dev or held_out),
        leaves_out=method.twin.find_unused_parameters,
    )
    collator = Collator(
        method.encoder,
        method.views,
        settings.max_length,
        settings.seed,
        mask_identical=settings.mask_identical,
    )
    conditions = conditions_of(method, data.rows, settings, arguments.max_steps, dev)
    read = what_is_read(method, rows, settings.max_length)
    try_out(method, rows, collator)
    held = ExitStack()
    prepare = partial(
        prepare_output,
        folder,
        held,
        resume=resume,
        overwrite=overwrite,
        steps=arguments.max_steps,
        check=partial(
            require_unchanged, now=conditions, allowed=allow_changed, fits=partial(fits, method)
        ),
        reads=read_by(data, method.encoder.tokenizer),
    )
    stop = StopOnSignal(folder)
    with held:
        refused_by_one(prepare)
        start = last_checkpoint(folder) if resume else None
        arguments.eval_on_start &= start is None  # a run that goes on has done so
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
        trainer.conditions, trainer.max_bad_steps = conditions, settings.max_bad_steps
        few = list(map(collator.bounded, rows[:8][method.views[0].column]))
        unpadded = packed_encoders(method, few) if settings.packed else nullcontext()
        with stop.listening(), unpadded:
            trainer.train(str(start) if start else None)
        run = Run(
            output=folder,
            **what_came_of(trainer, selected=settings.select != "last"),
            rows=len(rows),
            held_out_rows=len(held_out or []),
            empty_rows=data.empty_rows,
            rows_left_over=len(rows) % batch,
            truncated_texts=read.truncated,
            unknown_texts=read.unknown_texts,
            unknown_tokens=read.unknown_tokens,
            known_tokens=read.known_tokens,
            prompts={v.column: prompt_of(method.encoder, v.column) for v in method.views},
            settings=settings,
            seconds=round(trainer.seconds, 1),
        )
        require_finite(method)
        if processes().is_main_process:
            publish(method, folder)
    return run
