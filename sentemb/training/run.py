"""`train`: from a method and rows to a model folder that tells how it was made."""

import logging
import math
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from datasets import Dataset
from transformers import TrainingArguments

from sentemb.bars import phase
from sentemb.datasets import TrainingData
from sentemb.datasets.several import SeveralData
from sentemb.encoders.lora import ADAPTER, save_adapter
from sentemb.encoders.prompts import prompt_of
from sentemb.encoders.trainable import made_trainable
from sentemb.errors import UsageError
from sentemb.evaluation import STS
from sentemb.losses.combine import learned_scale, parts
from sentemb.method import Method
from sentemb.runs.arguments import run_arguments
from sentemb.runs.conditions import ResumeCheck
from sentemb.runs.finished import remove_checkpoints
from sentemb.runs.logs import EvaluateAtEnd, MetricsFile, require_finite
from sentemb.runs.output import last_checkpoint, prepare_output, read_by
from sentemb.runs.processes import DropoutOfItsOwn, processes, refused_by_one
from sentemb.runs.publish import publish_model, size_of
from sentemb.runs.run_folder import METRICS, write_how_made
from sentemb.runs.run_result import Provenance, output_folder
from sentemb.runs.signals import StopOnSignal
from sentemb.training.checkpoints import conditions_of, fits, save_encoder
from sentemb.training.forwards import forwards, with_forwards
from sentemb.training.mixed import (
    MixedMethod,
    by_source,
    collator_of,
    mixing_of,
    record_of_sources,
    try_out_each,
)
from sentemb.training.mixing import Mixing, said_of_source
from sentemb.training.model_card import card_of
from sentemb.training.preflight import (
    check_labels,
    check_length,
    check_pooling,
    check_texts,
    first_texts,
    split_rows,
    what_is_read,
    with_clipping,
    with_selection,
)
from sentemb.training.result import Run, record_of, what_came_of
from sentemb.training.settings import Settings
from sentemb.training.starting_point import StartingPoint
from sentemb.training.teaching import paths_of_teacher, require_vectors, teach
from sentemb.training.trainer import ContrastiveTrainer

logger = logging.getLogger("sentemb")


def train(
    method: Method,
    data: TrainingData,
    output: str | Path | None = None,
    settings: Settings | None = None,
    *,
    dev: STS | None = None,
    resume: bool = False,
    overwrite: bool = False,
    allow_changed: Sequence[str] = (),
    provenance: Provenance | None = None,
) -> Run:
    """Train a method and save its encoder as a plain sentence-transformers model.

    The folder also gets ``run.json`` and a model card, which say how the model was made.

    Args:
        method: What is trained.
        data: Rows with the columns that the method's views read.
        output: Folder of the model; also gets ``metrics.jsonl``, and ``checkpoints/`` until the
            run has finished. By default a temporary one, which lives as long as the result.
        settings: How to train; by default as unsupervised SimCSE.
        dev: Evaluated every ``eval_steps``, and before the first step.
        resume: Go on from the last checkpoint in ``output``, or from step 0 if it has none yet.
        overwrite: Start afresh where ``output`` holds an earlier run.
        allow_changed: Settings, or ``data``, ``model`` and the like, that a resumed run may have
            otherwise than the run it continues.
        provenance: Names for the record and the card, where the parts have some.

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
    if output is None and processes().num_processes > 1:
        raise UsageError("Several processes share no temporary folder: give output.")
    settings, rows, held_out = settled(method, data, settings or Settings(), dev)
    mixing = mixing_of(data, settings.batch_size * processes().num_processes, settings.seed)
    folder, temporary = output_folder(output)
    evaluators = [dev] if dev else data.evaluators(method.twin)
    arguments = training_arguments(
        settings,
        folder,
        len(rows) if mixing is None else mixing.total * mixing.batch,
        evaluates=bool(evaluators or held_out),
        leaves_out=method.twin.find_unused_parameters or mixing is not None,
    )
    collator = collator_of(method, settings, data)
    conditions = conditions_of(method, data.rows, settings, arguments.max_steps, dev)
    if mixing is not None:
        conditions["mixing"] = repr(mixing)
    per_step = settings.accumulation
    for one in record_of_sources(method, data, mixing, arguments.max_steps, per_step):
        logger.info("data set %s: %s", one["name"], said_of_source(one))
    with phase("looking at the data"):
        read, tokens = what_is_read(rows, collator)
    with phase("trying out a few rows"):
        try_out_each(method, data, rows, collator)
    held = ExitStack()
    prepare = partial(
        prepare_output,
        folder,
        held,
        resume=resume,
        overwrite=overwrite,
        steps=arguments.max_steps,
        check=ResumeCheck(conditions, allow_changed, partial(fits, method)),
        reads=[*read_by(data, method.encoder.tokenizer), *paths_of_teacher(method.twin)],
    )
    stop, named = StopOnSignal(folder), provenance or Provenance()
    selected = settings.select != "last"
    start_point = StartingPoint(method) if selected else None
    with held:
        refused_by_one(prepare)
        teach(method, data.rows, conditions)
        start = last_checkpoint(folder) if resume else None
        arguments.eval_on_start &= start is None  # a run that goes on has done so
        trainer = ContrastiveTrainer(
            method,
            arguments,
            rows,
            collator,
            evaluators=evaluators,
            held_out=held_out,
            callbacks=[
                DropoutOfItsOwn(),
                MetricsFile(folder / METRICS),
                EvaluateAtEnd(),
                stop,
            ],
            on_collapse=settings.on_collapse,
            tokens=tokens,
            mixing=mixing,
        )
        trainer.conditions, trainer.max_bad_steps = conditions, settings.max_bad_steps
        few = list(map(collator.bounded, first_texts(method, rows)))
        with stop.listening(), forwards(method, settings, few):
            trainer.train(str(start) if start else None)
        came = what_came_of(trainer, selected=selected) | {
            "as_it_is": dict(named.as_it_is),
            "rows": len(rows),
            "held_out_rows": len(held_out or []),
            "empty_rows": data.empty_rows,
            "rows_left_over": rows_left_over(settings, len(rows), mixing),
            "truncated_texts": read.truncated,
            "unknown_texts": read.unknown_texts,
            "unknown_tokens": read.unknown_tokens,
            "known_tokens": read.known_tokens,
            "prompts": {v.column: prompt_of(method.encoder, v.column) for v in method.views},
        }
        require_finite(method)
        if start_point and came["lowered_to"]:
            start_point.give_back()
        record = record_of(method, data, dev, named, settings, came)
        if mixing is not None:
            record["data"] |= {
                "mixing": mixing.order,
                "sources": record_of_sources(method, data, mixing, came["steps"], per_step),
            }
        if processes().is_main_process:
            _publish(method, folder)
            write_how_made(folder, record, card_of(record, folder.name, named.citation))
        processes().wait_for_everyone()  # others may still read the best checkpoint
        if processes().is_main_process and not settings.keep_checkpoints:
            remove_checkpoints(folder)
    return Run(
        output=folder,
        model=method.encoder,
        history=trainer.state.log_history,
        record=record,
        settings=settings,
        temporary=temporary,
        **came,
    )


def settled(
    method: Method, data: TrainingData, settings: Settings, dev: STS | None
) -> tuple[Settings, Dataset, Dataset | None]:
    """Check what can be checked of a training, and make the method ready for it.

    Returns:
        The settings as resolved, the rows to train on, and those that are held out.

    Raises:
        UsageError, InputError: As `train`.
    """
    made_trainable(method)
    settings = with_clipping(with_selection(settings, dev), method.loss)
    settings = with_forwards(settings, method)
    batch = settings.batch_size * processes().num_processes
    check_length(method, settings.max_length)
    with phase("looking at the data"):
        for _, each, rows in by_source(method, data):
            check_labels(each, rows)
            check_texts(each, rows)
            require_vectors(each, rows)
    check_pooling(method)
    method.check_batch(batch)
    method.set_micro_batch(settings.micro_batch)
    changing = (getattr(part, "changes_with_the_run", False) for part in parts(method.loss))
    if settings.select == "held-out-loss" and any(changing):
        raise UsageError(
            "`select='held-out-loss'` compares losses, and this loss changes its temperature in "
            "the run: give `dev`, or `select='last'`."
        )
    if isinstance(data, SeveralData) and settings.select == "held-out-loss":
        raise UsageError(
            "`select='held-out-loss'` is for one data set: of several, give `dev`, or "
            "`select='last'`."
        )
    return settings, *split_rows(data.rows, batch, settings.select)


def rows_left_over(settings: Settings, rows: int, mixing: Mixing | None) -> int:
    """Return the rows of an epoch that fill no batch."""
    batch = settings.batch_size * processes().num_processes
    return sum(size % batch for size in (mixing.rows if mixing else [rows]))


def steps_of(settings: Settings, rows: int) -> tuple[int, int]:
    """Return the whole batches of an epoch over so many rows, and the steps of the run."""
    batches = rows // (settings.batch_size * processes().num_processes)
    an_epoch = math.ceil(batches / settings.accumulation)
    return batches, settings.max_steps or math.ceil(settings.epochs * an_epoch)


def training_arguments(
    settings: Settings,
    folder: Path,
    rows: int,
    *,
    evaluates: bool,
    leaves_out: bool,
) -> TrainingArguments:
    """Return the arguments of a run over so many rows.

    Args:
        settings: As resolved.
        folder: Of the run.
        rows: How many are trained on.
        evaluates: Whether there is something to evaluate on.
        leaves_out: Whether some parameters may get no gradient.

    Raises:
        UsageError: When this machine cannot compute in the precision asked for.
    """
    selects = settings.select != "last"
    return run_arguments(
        settings,
        folder,
        steps_of(settings, rows)[1],
        optim=settings.optim,
        max_grad_norm=1.0 if settings.max_grad_norm is None else settings.max_grad_norm,
        ddp_find_unused_parameters=leaves_out,
        ddp_broadcast_buffers=False,  # every process sees the whole batch, so they stay equal
        eval_strategy="steps" if evaluates else "no",
        eval_on_start=evaluates,
        eval_steps=settings.eval_steps,
        save_steps=settings.eval_steps if selects else settings.save_steps,
        load_best_model_at_end=selects,
        metric_for_best_model=_metric(settings) if selects else None,
        greater_is_better=settings.select == "spearman" if selects else None,
        dataloader_drop_last=True,
        dataloader_num_workers=settings.workers,
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        logging_steps=10,
    )


def _metric(settings: Settings) -> str:
    return "eval_spearman" if settings.select == "spearman" else "eval_held_out_loss"


def _publish(method: Method, folder: Path) -> None:
    """Put the trained encoder into the folder, and into folders in it what else is deployed.

    Raises:
        StorageError: When it could not be written.
    """
    publish_model(partial(_save, method), folder, size_of(method))


def _save(method: Method, folder: Path) -> None:
    save_encoder(method.encoder, folder)
    save_adapter(method.encoder, folder / ADAPTER)
    for name, encoder in method.twin.other_encoders().items():
        save_encoder(encoder, folder / name)
        save_adapter(encoder, folder / name / ADAPTER)
    members = method.methods.values() if isinstance(method, MixedMethod) else [method]
    scales = {one.twin.scaled_tower(one.views): learned_scale(one.loss) for one in members}
    for name, tower in method.twin.towers().items():
        cast(Any, tower).save(folder / name, scales.get(name, cast(Any, tower).config.scale))
    method.twin.save_beside(folder)
