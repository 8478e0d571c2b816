"""`DecoderSettings`: everything about the training of a decoder that is not model or data."""

import math
from dataclasses import dataclass

from sentemb.errors import UsageError
from sentemb.types import Precision, Tracker
from sentemb.values import require_kinds_of_fields


@dataclass(frozen=True)
class DecoderSettings:
    """How to train a decoder.

    Args:
        batch_size: Texts of a step.
        learning_rate: Peak of the linear decay.
        epochs: Passes over the texts, unless ``max_steps`` is given.
        max_steps: Optimizer steps; 0 follows ``epochs``.
        max_length: Tokens of the longest text, its end included; longer ones are left out.
        warmup: Rate of the steps that the learning rate rises over, in [0, 1].
        weight_decay: Of AdamW.
        accumulation: Batches an optimizer step.
        noise: Length of the noise that capdec adds to vectors of length 1.
        memory: Texts that decap remembers.
        save_steps: Steps between checkpoints, at which the held-out loss is measured.
        max_bad_steps: So many steps in a row whose loss or gradient is not a number end the run;
            each is skipped.
        precision: ``auto`` is fp16 on CUDA and fp32 on a CPU.
        seed: Of weights, order of texts, and noise.
        keep_checkpoints: Keep the checkpoints of a finished run, so that it can be extended.
        report_to: Tracker that gets what is logged, beside metrics.jsonl.

    Raises:
        UsageError: When a value is of another kind, or out of its range.
    """

    batch_size: int = 64
    learning_rate: float = 1e-3
    epochs: float = 3
    max_steps: int = 0
    max_length: int = 32
    warmup: float = 0.05
    weight_decay: float = 0.01
    accumulation: int = 1
    noise: float = 3.2
    memory: int = 20_000
    save_steps: int = 500
    max_bad_steps: int = 3
    precision: Precision = "auto"
    seed: int = 42
    keep_checkpoints: bool = False
    report_to: Tracker = "none"

    def __post_init__(self) -> None:
        require_kinds_of_fields(self)
        for name in (
            *("batch_size", "learning_rate", "epochs", "accumulation", "max_bad_steps"),
            *("save_steps", "memory"),
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} must be above 0, got {getattr(self, name)}.")
        for name in ("noise", "weight_decay", "seed", "max_steps"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UsageError(f"{name} must be 0 or more, got {getattr(self, name)}.")
        if self.max_length < 2:
            raise UsageError(f"max_length must be at least 2, got {self.max_length}.")
        if self.seed >= 2**32:
            raise UsageError(f"seed must be below 2^32, got {self.seed}.")
        if not 0 <= self.warmup <= 1:
            raise UsageError(f"warmup is a rate in [0, 1], got {self.warmup}.")
