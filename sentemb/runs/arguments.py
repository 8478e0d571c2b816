"""Settings that every run has, in the words of transformers' Trainer."""

# ruff: noqa: D102
import logging
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import TrainingArguments

from sentemb.encoders.precision import require_precision
from sentemb.runs.run_folder import CHECKPOINTS
from sentemb.runs.trackers import tracking

logger = logging.getLogger("sentemb")


class RunSettings(Protocol):
    """What the settings of every kind of run hold."""

    @property
    def batch_size(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def accumulation(self) -> int: ...
    @property
    def warmup(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def seed(self) -> int: ...
    @property
    def precision(self) -> str: ...
    @property
    def report_to(self) -> str: ...


def run_arguments(
    settings: RunSettings, folder: Path, steps: int, **further: Any
) -> TrainingArguments:
    """Return the arguments of a run of so many steps, on one GPU at most.

    transformers' DataParallel would split the rows of a batch over several.

    Args:
        settings: Of the run.
        folder: Of the run; its checkpoints get a folder in it.
        steps: That the run takes.
        further: What this kind of run adds.

    Raises:
        UsageError: When this machine cannot compute in the precision asked for, or the tracker is
            not installed.
    """
    precision = resolve_precision(settings.precision)
    arguments = TrainingArguments(
        output_dir=str(folder / CHECKPOINTS),
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation,
        learning_rate=settings.learning_rate,
        max_steps=steps,
        warmup_steps=round(settings.warmup * steps),
        weight_decay=settings.weight_decay,
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=not torch.cuda.is_available(),
        fp16=precision == "fp16",
        bf16=precision == "bf16",
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        **tracking(settings.report_to, folder),
        **{"optim": "adamw_torch_fused"} | further,  # it leaves steps out without a wait
    )
    if arguments.n_gpu > 1:
        logger.warning("One of %d GPUs is used.", arguments.n_gpu)
        arguments._n_gpu = 1
    return arguments


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
