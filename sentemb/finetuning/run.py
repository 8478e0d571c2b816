"""`finetune`: from a pre-trained encoder and labelled rows to a plain transformers classifier."""

import math
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import PreTrainedTokenizerBase, TrainingArguments, set_seed

from sentemb.bars import phase
from sentemb.datasets import TrainingData
from sentemb.encoders.build import model_name
from sentemb.encoders.lengths import require_known, require_known_words
from sentemb.errors import UsageError
from sentemb.finetuning.classifier import (
    fits,
    load_classifier,
    try_contrast,
    try_longest,
    try_two_passes,
)
from sentemb.finetuning.metrics import scorer
from sentemb.finetuning.result import FinetuneRun, card_of
from sentemb.finetuning.settings import FinetuneSettings
from sentemb.finetuning.tokens import TEXTS, tokenised
from sentemb.finetuning.trainer import FinetuneTrainer, make_trainer
from sentemb.runs.arguments import resolve_precision, run_arguments
from sentemb.runs.conditions import (
    WITHOUT_EFFECT,
    ResumeCheck,
    classifier_identity,
    described_rows,
)
from sentemb.runs.finished import remove_checkpoints
from sentemb.runs.guarded_trainer import SKIPPED
from sentemb.runs.logs import require_finite
from sentemb.runs.out_of_memory import enough_for
from sentemb.runs.output import check_output, last_checkpoint, prepare_output, read_by
from sentemb.runs.processes import processes
from sentemb.runs.publish import publish_model, size_of
from sentemb.runs.run_folder import data_record, write_how_made
from sentemb.runs.run_result import Provenance, name_of_model, output_folder
from sentemb.runs.signals import StopOnSignal
from sentemb.versions import versions

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def finetune(
    model: "str | os.PathLike[str] | SentenceTransformer",
    data: TrainingData,
    dev: TrainingData,
    output: str | Path | None = None,
    settings: FinetuneSettings | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    allow_changed: Sequence[str] = (),
    provenance: Provenance | None = None,
) -> FinetuneRun:
    """Fine-tune a pre-trained encoder on labels or scores.

    The folder also gets ``run.json`` and a model card, which say how the model was made.

    Args:
        model: A bundled encoder, a folder, a hub id or a `SentenceTransformer`; its classifier is
            drawn afresh, unless it is one of the very labels of the data.
        data: Rows with ``text``, or ``sentence1`` and ``sentence2``, and ``label``.
        dev: The same; it chooses the checkpoint.
        output: Folder of the model, which plain transformers loads. By default a temporary one,
            which lives as long as the result.
        settings: How; by default as `FinetuneSettings` says.
        resume: Go on from the last checkpoint in ``output``, or from step 0 if it has none yet.
        overwrite: Start afresh where ``output`` holds an earlier run.
        allow_changed: Settings, ``data``, ``dev`` or ``model``, that a resumed run may have
            otherwise than the run it continues.
        provenance: Names for the record and the card, where data and dev have some.

    Raises:
        UsageError: When the output folder is not empty, or a setting does not fit the data.
        IdenticalViewsError: When two passes are asked for and the model has no dropout.
        LockedError: When another run writes to the folder.
        NumericError: When the loss is not a number in several steps on end.
        InterruptedRunError: When SIGINT or SIGTERM ended it; the last step's checkpoint is there.
    """
    folder, temporary = output_folder(output)
    settings, named = settings or FinetuneSettings(), provenance or Provenance()
    if processes().num_processes > 1:
        raise UsageError("finetune runs in one process: start it without torchrun.")
    _check(settings, data)
    reads = [model_name(model), *read_by(data), *read_by(dev)]
    check_output(folder, resume=resume, overwrite=overwrite, reads=reads)
    set_seed(settings.seed)
    tokenizer, classifier, _ = load_classifier(model, **_labels(data))
    name = next(name for name in TEXTS if name in data.rows.column_names)
    require_known_words(tokenizer, data.rows[:64][name])
    with phase("looking at the data"):
        rows, read = tokenised(data.rows, tokenizer, settings.max_length)
        require_known(read)
        dev_rows, _ = tokenised(dev.rows, tokenizer, settings.max_length)
    with (
        phase("trying out a few rows"),
        enough_for("the longest rows", "give a smaller `max_length`, or a smaller `model`."),
    ):
        for tokens in (rows, dev_rows):
            try_longest(classifier, tokenizer, tokens)
        if settings.two_passes:
            try_two_passes(classifier, tokenizer, rows)
        if settings.supcon or settings.contrast:
            try_contrast(classifier, tokenizer, rows)
    arguments = training_arguments(settings, folder, len(rows), len(data.classes))
    conditions = _conditions(classifier, tokenizer, data, dev, settings, arguments)
    stop = StopOnSignal(folder)
    with ExitStack() as held:
        prepare_output(
            folder,
            held,
            resume=resume,
            overwrite=overwrite,
            steps=arguments.max_steps,
            check=ResumeCheck(conditions, allow_changed, partial(fits, classifier)),
            reads=reads,
        )
        start = last_checkpoint(folder) if resume else None
        trainer = make_trainer(
            classifier,
            tokenizer,
            rows,
            dev_rows,
            arguments,
            settings,
            score=scorer(len(data.classes)),
        )
        trainer.add_callback(stop)
        trainer.conditions, trainer.max_bad_steps = conditions, settings.max_bad_steps
        with stop.listening():
            trainer.train(str(start) if start else None)
        require_finite(classifier)
        seconds = trainer.seconds
        metrics = trainer.evaluate()
        _publish(trainer, folder)
        came: dict[str, Any] = {
            "steps": trainer.state.global_step,
            "best_step": trainer.state.best_global_step or trainer.state.global_step,
            "metrics": {
                name.removeprefix("eval_"): value
                for name, value in metrics.items()
                if name.startswith("eval_") and not name.endswith(("runtime", "per_second"))
            },
            "rows": len(rows),
            "dev_rows": len(dev_rows),
            "empty_rows": data.empty_rows,
            "unlabelled_rows": data.unlabelled_rows + dev.unlabelled_rows,
            "truncated_rows": read.truncated,
            "unknown_rows": read.unknown_texts,
            "unknown_tokens": read.unknown_tokens,
            "known_tokens": read.known_tokens,
            "skipped_steps": sum(int(line.get(SKIPPED, 0)) for line in trainer.state.log_history),
            "seconds": round(seconds, 1),
        }
        record = {
            "model": named.model or name_of_model(model_name(model)),
            "classes": list(data.classes),
            "settings": asdict(settings),
            "data": data_record(data, named.data or data.source),
            "dev": named.dev or dev.source,
            "versions": versions(),
            **came,
        }
        write_how_made(folder, record, card_of(record, folder.name))
        if not settings.keep_checkpoints:
            remove_checkpoints(folder)
    return FinetuneRun(
        output=folder,
        model=classifier,
        history=trainer.state.log_history,
        record=record,
        temporary=temporary,
        **came,
    )


def _publish(trainer: FinetuneTrainer, folder: Path) -> None:
    publish_model(lambda beside: trainer.save_model(str(beside)), folder, size_of(trainer.trained))


def _conditions(
    classifier: Any,
    tokenizer: PreTrainedTokenizerBase,
    data: TrainingData,
    dev: TrainingData,
    settings: FinetuneSettings,
    arguments: TrainingArguments,
) -> dict[str, Any]:
    compared = {k: v for k, v in asdict(settings).items() if k not in WITHOUT_EFFECT}
    ends = "max_steps" if settings.max_steps else "epochs"
    return {
        **compared,
        ends: getattr(settings, ends),
        "precision": resolve_precision(settings.precision),
        **classifier_identity(classifier, tokenizer),
        "classes": list(data.classes),
        "data": described_rows(data.rows),
        "dev": described_rows(dev.rows),
    }


def _check(settings: FinetuneSettings, data: TrainingData) -> None:
    if not data.classes and settings.supcon:
        raise UsageError("supcon needs classes, but the rows have scores: leave it out.")
    of_scores = settings.metric in ("pearson", "spearman")
    if settings.metric != "auto" and of_scores == bool(data.classes):
        kind = "classes" if data.classes else "scores"
        raise UsageError(f"metric {settings.metric} does not fit rows with {kind}.")
    if settings.metric == "f1" and len(data.classes) != 2:
        raise UsageError(f"metric f1 needs 2 classes, got {len(data.classes)}: use f1_macro.")


def _labels(data: TrainingData) -> dict[str, Any]:
    if not data.classes:
        return {"num_labels": 1, "problem_type": "regression"}
    return {
        "num_labels": len(data.classes),
        "problem_type": "single_label_classification",
        "id2label": dict(enumerate(data.classes)),
        "label2id": {name: number for number, name in enumerate(data.classes)},
    }


def training_arguments(
    settings: FinetuneSettings, folder: Path, rows: int, classes: int
) -> TrainingArguments:
    """Return the arguments of a run over so many rows of so many classes; 0 is a regression.

    Raises:
        UsageError: When this machine cannot compute in the precision asked for.
    """
    steps_an_epoch = math.ceil(math.ceil(rows / settings.batch_size) / settings.accumulation)
    return run_arguments(
        settings,
        folder,
        settings.max_steps or math.ceil(settings.epochs * steps_an_epoch),
        per_device_eval_batch_size=64,
        eval_strategy="epoch",
        save_strategy="epoch",
        restore_callback_states_from_checkpoint=settings.patience > 0,
        load_best_model_at_end=True,
        metric_for_best_model=f"eval_{metric_of(settings, classes)}",
        greater_is_better=True,
        logging_steps=min(10, steps_an_epoch),
    )


def metric_of(settings: FinetuneSettings, classes: int) -> str:
    """Return the number that chooses the checkpoint."""
    if settings.metric != "auto":
        return settings.metric
    return "accuracy" if classes else "spearman"
