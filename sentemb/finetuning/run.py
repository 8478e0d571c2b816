"""`finetune`: from a pre-trained encoder and labelled rows to a plain transformers classifier."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    EarlyStoppingCallback,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from sentemb.datasets import TrainingData
from sentemb.encoders.build import locate
from sentemb.errors import UsageError
from sentemb.finetuning.arguments import training_arguments
from sentemb.finetuning.metrics import scorer
from sentemb.finetuning.r_drop import require_two_passes
from sentemb.finetuning.settings import FinetuneSettings
from sentemb.finetuning.tokens import tokenised
from sentemb.finetuning.trainer import TwoPassTrainer
from sentemb.safety import code_is_trusted
from sentemb.training.logs import LogLines, MetricsFile, require_finite
from sentemb.training.output import METRICS, check_output, last_checkpoint, prepare_output
from sentemb.training.randomness import random_state_kept

COMMIT_LAST = "config.json"
"""Without it a folder is no model, so it is put there last."""


@dataclass(frozen=True)
class FinetuneRun:
    """What a fine-tuning run came to.

    Args:
        output: The model folder.
        steps: Optimizer steps taken.
        best_step: The step whose weights became the model.
        metrics: Of the model, on the dev set.
        rows: Rows trained on.
        dev_rows: Rows of the dev set.
        empty_rows: Rows without text, left out.
        truncated_rows: Rows cut to the maximum length.
        seconds: Wall-clock time of the training.
    """

    output: Path
    steps: int
    best_step: int
    metrics: dict[str, float]
    rows: int
    dev_rows: int
    empty_rows: int
    truncated_rows: int
    seconds: float


def finetune(
    model: str | Path,
    data: TrainingData,
    dev: TrainingData,
    output: str | Path,
    settings: FinetuneSettings,
    resume: bool = False,
    overwrite: bool = False,
) -> FinetuneRun:
    """Fine-tune a pre-trained encoder on labels or scores.

    Args:
        model: An embedded encoder, a folder or a hub id; its classifier is drawn afresh.
        data: Rows with ``text``, or ``sentence1`` and ``sentence2``, and ``label``.
        dev: The same; it chooses the checkpoint.
        output: Folder of the model, which plain transformers loads.
        settings: How.
        resume: Go on from the last checkpoint in ``output``.
        overwrite: Start afresh where ``output`` holds an earlier run.

    Raises:
        UsageError: When the output folder is not empty, or a setting does not fit the data.
        IdenticalViewsError: When two passes are asked for and the model has no dropout.
    """
    folder = Path(output)
    _check(settings, data)
    check_output(folder, resume=resume, overwrite=overwrite)
    set_seed(settings.seed)
    path = locate(model)
    tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=code_is_trusted())
    classifier = AutoModelForSequenceClassification.from_pretrained(
        path,
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=code_is_trusted(),
        **_labels(data),
    )
    rows, truncated = tokenised(data.rows, tokenizer, settings.max_length)
    dev_rows, _ = tokenised(dev.rows, tokenizer, settings.max_length)
    if settings.two_passes:
        _try_two_passes(classifier, tokenizer, rows)
    arguments = training_arguments(settings, folder, len(rows), len(data.classes))
    prepare_output(folder, resume=resume, overwrite=overwrite, steps=arguments.max_steps)
    trainer = _trainer(
        classifier, tokenizer, rows, dev_rows, arguments, settings, score=scorer(len(data.classes))
    )
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=str(last_checkpoint(folder)) if resume else None)
    seconds = time.monotonic() - started
    require_finite(classifier)
    metrics = trainer.evaluate()
    partial = folder / "model.partial"
    trainer.save_model(str(partial))
    (partial / "training_args.bin").unlink(missing_ok=True)  # a pickle
    for file in sorted(partial.iterdir(), key=lambda file: file.name == COMMIT_LAST):
        file.replace(folder / file.name)
    partial.rmdir()
    return FinetuneRun(
        output=folder,
        steps=trainer.state.global_step,
        best_step=trainer.state.best_global_step or trainer.state.global_step,
        metrics={
            name.removeprefix("eval_"): value
            for name, value in metrics.items()
            if name.startswith("eval_") and not name.endswith(("runtime", "per_second"))
        },
        rows=len(rows),
        dev_rows=len(dev_rows),
        empty_rows=data.empty_rows,
        truncated_rows=truncated,
        seconds=round(seconds, 1),
    )


def _check(settings: FinetuneSettings, data: TrainingData) -> None:
    if not data.classes and settings.supcon:
        raise UsageError("supcon needs classes, but the rows have scores: leave it out.")
    of_scores = settings.metric in ("pearson", "spearman")
    if settings.metric != "auto" and of_scores == bool(data.classes):
        kind = "classes" if data.classes else "scores"
        raise UsageError(f"metric {settings.metric} does not fit rows with {kind}.")
    if settings.metric == "f1" and len(data.classes) != 2:
        raise UsageError(f"metric f1 is of 2 classes, got {len(data.classes)}: use f1_macro.")


def _try_two_passes(classifier: Any, tokenizer: PreTrainedTokenizerBase, rows: Dataset) -> None:
    """Raise where dropout makes no difference, before anything is written."""
    few = rows.select(range(min(4, len(rows)))).remove_columns("labels")
    inputs = tokenizer.pad(few[:], return_tensors="pt")
    classifier.train()
    with random_state_kept(), torch.no_grad():
        require_two_passes(classifier, classifier(**inputs).logits, classifier(**inputs).logits)


def _labels(data: TrainingData) -> dict[str, Any]:
    if not data.classes:
        return {"num_labels": 1, "problem_type": "regression"}
    return {
        "num_labels": len(data.classes),
        "problem_type": "single_label_classification",
        "id2label": dict(enumerate(data.classes)),
        "label2id": {name: number for number, name in enumerate(data.classes)},
    }


def _trainer(
    classifier: Any,
    tokenizer: PreTrainedTokenizerBase,
    rows: Dataset,
    dev_rows: Dataset,
    arguments: TrainingArguments,
    settings: FinetuneSettings,
    score: Callable[[Any, Any], dict[str, float]],
) -> Trainer:
    common: dict[str, Any] = {
        "model": classifier,
        "args": arguments,
        "train_dataset": rows,
        "eval_dataset": dev_rows,
        "processing_class": tokenizer,
        "compute_metrics": lambda output: score(output.predictions, output.label_ids),
        "callbacks": [MetricsFile(Path(str(arguments.output_dir)).parent / METRICS), LogLines()],
    }
    if settings.patience:
        common["callbacks"].append(EarlyStoppingCallback(settings.patience))
    trainer = TwoPassTrainer(settings, **common) if settings.two_passes else Trainer(**common)
    for prints_to_stdout in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(prints_to_stdout)
    return trainer
