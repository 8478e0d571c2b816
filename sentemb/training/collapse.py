"""An alarm for encoders that give every text the same embedding."""

import logging
from typing import Any, cast

import torch
from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.encoders.embedding import embed, in_mode
from sentemb.encoders.gather import gathered
from sentemb.errors import NumericError
from sentemb.functional import effective_rank, spread
from sentemb.method import Method
from sentemb.runs.processes import processes
from sentemb.training.settings import OnCollapse

logger = logging.getLogger("sentemb")

LEAST_SPREAD = 0.3
"""Of `spread`, which is 1 on an even sphere; the bound that SimSiam's users look at."""
LEAST_SHARE = 0.5
"""Raw encoders may have little spread from the start: it must have fallen to this share of it."""
LEAST_RANK = 2.0
"""Of `effective_rank`, where there are enough rows to have one."""
ENOUGH = 8
"""Rows that are judged by those; a few may be alike whatever the encoder is."""
NO_SPREAD = 0.02
"""What fewer rows are judged by: they are the same vector, in all but name."""


class CollapseMonitor(TrainerCallback):
    """Log ``spread`` and ``effective_rank`` of the encoder's embeddings, and warn or stop.

    Of some rows of the last batch, as they would be deployed: dropout's noise alone would look
    like spread. All processes look at the rows of all, and so decide alike.

    Args:
        method: Its encoder is watched, if its twin notes what it embeds.
        on_collapse: ``warn`` or ``stop``.
    """

    def __init__(self, method: Method, on_collapse: OnCollapse) -> None:
        self.method = method
        self.on_collapse = on_collapse
        self.at_start: float | None = None
        self.warned = False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Look at the rows that were tried before the first step."""
        self.at_start = self.measure().get("spread")

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Return both numbers, of some rows of the last batch; empty where there are too few."""
        twin = self.method.twin
        if not twin.monitored:
            return {}
        with in_mode(cast(nn.Module, twin.encoder), training=False):
            (rows,) = embed(twin.encoder, [twin.monitored])
        rows = gathered(rows).float()
        if len(rows) < 2 or not rows.isfinite().all():
            return {}
        return {
            "spread": round(float(spread(rows)), 4),
            "effective_rank": round(float(effective_rank(rows)), 2),
        }

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Look at the line that was logged.

        Raises:
            NumericError: When the encoder has collapsed and the run is to stop.
        """
        if not logs or "spread" not in logs or self.at_start is None:
            return
        if not self._has_collapsed(logs["spread"], logs["effective_rank"], self.at_start):
            return
        message = (
            f"The encoder is collapsing at step {state.global_step}: spread {logs['spread']:.2f} "
            f"(at first {self.at_start:.2f}; 1 is even), effective rank "
            f"{logs['effective_rank']:.1f}. {self._cause()}"
        )
        if self.on_collapse == "stop":
            raise NumericError(message)
        if not self.warned:
            logger.warning(message)
            self.warned = True

    def _has_collapsed(self, spread: float, rank: float, at_start: float) -> bool:
        if self._rows() < ENOUGH:
            return spread < NO_SPREAD
        return spread < min(LEAST_SPREAD, LEAST_SHARE * at_start) or rank < LEAST_RANK

    def _rows(self) -> int:
        everyone: int = processes().num_processes
        return len(self.method.twin.monitored["input_ids"]) * everyone

    def _cause(self) -> str:
        return self.method.twin.cause_of_collapse(contrasted=self.method.contrasts) or (
            "The loss may have no negatives, or the learning rate is too high: lower "
            "`learning_rate`, or use a loss with negatives (infonce)."
        )
