"""`Settings`: everything about a run that is not the method or the data."""

import math
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from sentemb.errors import UsageError
from sentemb.types import Precision, Tracker
from sentemb.values import require_kinds_of_fields

Select = Literal["auto", "spearman", "held-out-loss", "last"]
OnCollapse = Literal["warn", "stop"]
Optimizer = Literal[
    "adamw_torch_fused",
    "adamw_torch",
    "adafactor",
    "sgd",
    "adamw_8bit",
    "paged_adamw_8bit",
    "lion_8bit",
    "paged_lion_8bit",
]
COUNTS = (
    *("batch_size", "max_steps", "max_length", "micro_batch", "accumulation", "eval_steps"),
    *("save_steps", "seed", "workers", "max_bad_steps"),
)
"""Whole numbers, which generators and counters of 32 bits take."""


@dataclass(frozen=True)
class Settings:
    """How to train; by default as unsupervised SimCSE does.

    Args:
        batch_size: Rows contrasted with each other, of each process. More rows give more
            negatives; accumulation does not.
        learning_rate: Peak of the linear decay.
        epochs: Passes over the data, unless ``max_steps`` is given.
        max_steps: Optimizer steps; 0 follows ``epochs``.
        max_length: Tokens a text is truncated to.
        micro_batch: Rows that the encoder takes at once, so that a batch may be larger than memory;
            each is computed twice. 0 takes the whole batch.
        accumulation: Batches an optimizer step.
        precision: ``auto`` is fp16 on CUDA, as the papers, and fp32 on a CPU.
        warmup: Rate of the steps that the learning rate rises over, in [0, 1].
        weight_decay: Of AdamW.
        max_grad_norm: Gradients are clipped to this norm; 0 turns clipping off. By default 1, and 0
            for a loss whose gradient never fades (FlatNCE).
        eval_steps: Steps between evaluations.
        save_steps: Steps between checkpoints; at every evaluation where the best is selected.
        select: Which checkpoint becomes the model: the best by dev Spearman, by held-out loss
            (needs no graded pairs), or the last. ``auto`` is Spearman where there is a dev set.
        seed: Of weights, order of rows, and dropout.
        workers: Processes that tokenise ahead; 0 does it in a thread, while a step runs.
        mask_identical: Duplicate texts of a batch are never used as negatives.
        on_collapse: What to do when all embeddings collapse to one point: ``warn`` or ``stop``.
        max_bad_steps: End the run after so many steps in a row whose loss or gradient is not a
            number; each is skipped.
        packed: Leave padding out where the encoder's vectors stay the same. By default on a CPU,
            and for long batches on a GPU, where it is faster.
        compile: Compile the encoder's layers for batches of few shapes; on a GPU they are captured
            as CUDA graphs, unless batches are accumulated. By default for short batches on a GPU.
        gradient_checkpointing: Keep what enters a layer alone, and compute what is in it again for
            the gradient: more rows fit, and a step takes longer.
        optim: Optimizer, by its name in transformers. Those of 8 bits need the package
            bitsandbytes, and a GPU.
        keep_checkpoints: Keep the checkpoints of a finished run, so that it can be extended.
        report_to: Tracker that gets what is logged, beside metrics.jsonl.

    Raises:
        UsageError: When a value is of another kind, or out of its range.
    """

    batch_size: int = 64
    learning_rate: float = 3e-5
    epochs: float = 1
    max_length: int = 32
    max_steps: int = 0
    micro_batch: int = 0
    accumulation: int = 1
    precision: Precision = "auto"
    warmup: float = 0.0
    weight_decay: float = 0.0
    max_grad_norm: float | None = None
    eval_steps: int = 125
    save_steps: int = 100
    select: Select = "auto"
    seed: int = 42
    workers: int = 0
    mask_identical: bool = True
    on_collapse: OnCollapse = "warn"
    max_bad_steps: int = 3
    packed: bool | None = None
    compile: bool | None = None
    gradient_checkpointing: bool = False
    optim: Optimizer = "adamw_torch_fused"
    keep_checkpoints: bool = False
    report_to: Tracker = "none"

    def __post_init__(self) -> None:
        require_kinds_of_fields(self)
        self._at_least("batch_size", 2)
        self._at_least("max_length", 3)
        for name in ("accumulation", "eval_steps", "save_steps", "max_bad_steps"):
            self._at_least(name, 1)
        for name in ("max_steps", "micro_batch", "workers", "weight_decay", "seed", "warmup"):
            self._at_least(name, 0)
        if self.max_grad_norm is not None:
            self._at_least("max_grad_norm", 0)
        for name in COUNTS:
            if getattr(self, name) >= 2**32:
                raise UsageError(f"{name} must be below 2^32, got {getattr(self, name)}.")
        for name in ("weight_decay", "max_grad_norm", "epochs"):
            if not math.isfinite(getattr(self, name) or 0):
                raise UsageError(f"{name} must be finite, got {getattr(self, name)}.")
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise UsageError(f"learning_rate must be positive, got {self.learning_rate}.")
        if not (self.epochs > 0 or self.max_steps):
            raise UsageError(f"epochs must be positive, got {self.epochs}.")
        if self.optim.endswith("_8bit") and find_spec("bitsandbytes") is None:
            raise UsageError(f"optim={self.optim} needs bitsandbytes: pip install bitsandbytes.")
        if self.warmup > 1:
            raise UsageError(f"warmup is a rate in [0, 1], got {self.warmup}.")

    def _at_least(self, name: str, least: int) -> None:
        if not getattr(self, name) >= least:
            raise UsageError(f"{name} must be at least {least}, got {getattr(self, name)}.")
