"""`FinetuneSettings`: everything about a fine-tuning run that is not the model or the data."""

import math
from dataclasses import dataclass
from typing import Literal

from sentemb.errors import UsageError
from sentemb.types import Precision, Tracker
from sentemb.values import require_kinds_of_fields

Metric = Literal["auto", "accuracy", "f1", "f1_macro", "f1_micro", "mcc", "pearson", "spearman"]


@dataclass(frozen=True)
class FinetuneSettings:
    r"""How to fine-tune a classifier.

    .. math:: (1 - \lambda) \, \mathcal L_{\text{task}} + \frac{\alpha}{2} (\mathrm{KL} +
        \mathrm{KL}) + \lambda \, \mathcal L_{\text{SupCon}} + \gamma \, \mathcal L_{\text{InfoNCE}}

    The task's loss is the cross-entropy (or squared error); with α both passes' losses are added
    up, as in R-Drop's paper, with λ or γ alone their mean.

    Args:
        batch_size: Rows of a batch.
        learning_rate: Peak of the linear decay.
        epochs: Passes over the data, unless ``max_steps`` is given. R-Drop wants about twice those
            of ordinary fine-tuning.
        max_steps: Optimizer steps; 0 follows ``epochs``.
        max_length: Tokens that a row is truncated to.
        warmup: Rate of the steps that the learning rate rises over, in [0, 1].
        weight_decay: Of AdamW.
        r_drop: α of R-Drop; 0 turns it off.
        supcon: λ of supervised contrast of the [CLS] of both passes, in [0, 1).
        supcon_temperature: Its τ.
        contrast: γ of unsupervised contrast, SimCSE's, of both passes.
        contrast_temperature: Its τ.
        metric: Chooses the checkpoint; ``auto`` is accuracy, or Spearman in regression.
        patience: Epochs without a better one after which the run stops; 0 goes to the end.
        accumulation: Batches an optimizer step.
        max_bad_steps: So many steps in a row whose loss or gradient is not a number end the run;
            each is skipped.
        precision: ``auto`` is fp16 on CUDA and fp32 on a CPU.
        seed: Of weights, order of rows, and dropout.
        keep_checkpoints: Keep the checkpoints of a finished run, so that it can be extended.
        report_to: Tracker that gets what is logged, beside metrics.jsonl.

    Raises:
        UsageError: When a value is of another kind, or out of its range.

    Source: Liang et al., 2021, R-Drop (arXiv:2106.14448); Gunel et al., 2021, supervised contrast
        in fine-tuning (arXiv:2011.01403). Deviation: SupCon on two views, by dropout.
    """

    batch_size: int = 32
    learning_rate: float = 2e-5
    epochs: float = 3
    max_steps: int = 0
    max_length: int = 128
    warmup: float = 0.1
    weight_decay: float = 0.01
    r_drop: float = 0.0
    supcon: float = 0.0
    supcon_temperature: float = 0.3
    contrast: float = 0.0
    contrast_temperature: float = 0.05
    metric: Metric = "auto"
    patience: int = 0
    accumulation: int = 1
    max_bad_steps: int = 3
    precision: Precision = "auto"
    seed: int = 42
    keep_checkpoints: bool = False
    report_to: Tracker = "none"

    def __post_init__(self) -> None:
        require_kinds_of_fields(self)
        for name in (
            *("batch_size", "learning_rate", "epochs", "accumulation", "max_bad_steps"),
            *("supcon_temperature", "contrast_temperature"),
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} must be above 0, got {getattr(self, name)}.")
        for name in ("r_drop", "contrast", "weight_decay", "patience", "seed", "max_steps"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UsageError(f"{name} must be 0 or more, got {getattr(self, name)}.")
        if self.seed >= 2**32:
            raise UsageError(f"seed must be below 2^32, got {self.seed}.")
        if not 0 <= self.supcon < 1:
            raise UsageError(f"supcon is a weight in [0, 1), got {self.supcon}.")
        if (self.supcon or self.contrast) and self.batch_size < 2:
            raise UsageError("A batch of 1 row has nothing to contrast with: use 2 or more.")
        if not 0 <= self.warmup <= 1:
            raise UsageError(f"warmup is a rate in [0, 1], got {self.warmup}.")

    @property
    def two_passes(self) -> bool:
        """Whether each row is seen twice a step."""
        return bool(self.r_drop or self.supcon or self.contrast)
