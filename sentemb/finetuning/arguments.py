"""Our settings of fine-tuning in the words of transformers' Trainer."""

import math
from pathlib import Path

import torch
from transformers import TrainingArguments

from sentemb.finetuning.settings import FinetuneSettings
from sentemb.training.arguments import on_one_gpu, resolve_precision
from sentemb.training.earlier import CHECKPOINTS


def training_arguments(
    settings: FinetuneSettings, folder: Path, rows: int, classes: int
) -> TrainingArguments:
    """Return the arguments of a run over so many rows of so many classes; 0 is a regression.

    Raises:
        UsageError: When this machine cannot compute in the precision asked for.
    """
    precision = resolve_precision(settings.precision)
    steps_an_epoch = math.ceil(math.ceil(rows / settings.batch_size) / settings.accumulation)
    steps = math.ceil(settings.epochs * steps_an_epoch)
    return on_one_gpu(
        TrainingArguments(
            output_dir=str(folder / CHECKPOINTS),
            per_device_train_batch_size=settings.batch_size,
            per_device_eval_batch_size=64,
            learning_rate=settings.learning_rate,
            max_steps=steps,
            warmup_steps=round(settings.warmup * steps),
            weight_decay=settings.weight_decay,
            seed=settings.seed,
            data_seed=settings.seed,
            gradient_accumulation_steps=settings.accumulation,
            use_cpu=not torch.cuda.is_available(),
            fp16=precision == "fp16",
            bf16=precision == "bf16",
            eval_strategy="epoch",
            save_strategy="epoch",
            restore_callback_states_from_checkpoint=settings.patience > 0,
            load_best_model_at_end=True,
            metric_for_best_model=f"eval_{_metric(settings, classes)}",
            greater_is_better=True,
            logging_steps=min(10, steps_an_epoch),
            logging_nan_inf_filter=False,
            disable_tqdm=True,
            report_to="none",
        )
    )


def _metric(settings: FinetuneSettings, classes: int) -> str:
    if settings.metric != "auto":
        return settings.metric
    return "accuracy" if classes else "spearman"
