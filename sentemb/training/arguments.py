"""Our settings in the words of transformers' Trainer."""

import logging
import math
from pathlib import Path

import torch
from transformers import TrainingArguments

from sentemb.encoders.precision import require_precision
from sentemb.training.earlier import CHECKPOINTS
from sentemb.training.processes import processes
from sentemb.training.settings import Settings

logger = logging.getLogger("sentemb")


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
    precision = resolve_precision(settings.precision)
    batch = settings.batch_size * processes().num_processes
    steps_an_epoch = math.ceil(rows // batch / settings.accumulation)
    steps = settings.max_steps or math.ceil(settings.epochs * steps_an_epoch)
    arguments = TrainingArguments(
        output_dir=str(folder / CHECKPOINTS),
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation,
        learning_rate=settings.learning_rate,
        max_steps=steps,
        warmup_steps=round(settings.warmup * steps),
        weight_decay=settings.weight_decay,
        max_grad_norm=1.0 if settings.max_grad_norm is None else settings.max_grad_norm,
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=not torch.cuda.is_available(),
        ddp_find_unused_parameters=leaves_out,
        ddp_broadcast_buffers=False,  # every process sees the whole batch, so they stay equal
        fp16=precision == "fp16",
        bf16=precision == "bf16",
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
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
    )
    return on_one_gpu(arguments)


def on_one_gpu(arguments: TrainingArguments) -> TrainingArguments:
    """Have one GPU used of several: transformers' DataParallel would split a batch's rows."""
    if arguments.n_gpu > 1:
        logger.warning("One of %d GPUs is used.", arguments.n_gpu)
        arguments._n_gpu = 1
    return arguments


def _metric(settings: Settings) -> str:
    return "eval_spearman" if settings.select == "spearman" else "eval_held_out_loss"


def resolve_precision(precision: str) -> str:
    """Return what ``auto`` stands for on this machine.

    Raises:
        UsageError: When this machine cannot compute in it.
    """
    cuda = torch.cuda.is_available()
    if precision == "auto":
        return "fp16" if cuda else "fp32"
    require_precision(precision, "cuda" if cuda else "cpu")
    return precision
