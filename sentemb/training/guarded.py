"""`GuardedTrainer`: a step that came out as no number, or did not fit, changes nothing."""

import logging
import math
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.encoders.embedding import in_mode
from sentemb.errors import NumericError, OutOfMemoryError
from sentemb.training.committed import CommittedTrainer
from sentemb.training.memory import (
    OutOfMemorySignal,
    random_state,
    running_out_told,
    set_random_state,
)
from sentemb.training.processes import any_process
from sentemb.training.resumed import require_number

logger = logging.getLogger("sentemb")

SKIPPED = "skipped_steps"


class GuardedTrainer(CommittedTrainer):
    """Skip steps whose loss or gradient is no number; try a step that did not fit once more.

    A skipped step leaves parameters, optimizer and twin as they were; the schedule goes on. In
    fp16 gradients that overflow are the scaler's affair, and not counted.

    Attributes:
        max_bad_steps: So many skipped in a row end the run.
        step_was_skipped: Whether the last step was.
    """

    max_bad_steps = 3
    step_was_skipped = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_callback(_EachStep(self))
        self._batches: list[Any] = []
        self._skipped = self._in_a_row = 0
        self._loss_is_finite = torch.tensor(True)
        self._step_loss = self._last_loss = torch.tensor(0.0)
        self._norm: Tensor | float | None = None
        self._overflowed = False

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """Return the loss of a batch, its gradient added up; 0 where the loss is no number."""
        self._batches.append(inputs)
        loss = self._fitting(model, num_items_in_batch)
        finite = loss.isfinite()
        self._loss_is_finite = self._loss_is_finite & finite
        self._last_loss = loss
        counted = torch.where(finite, loss, 0.0)
        self._step_loss = self._step_loss + counted
        return counted

    def _fitting(self, model: Any, num_items_in_batch: Any) -> Tensor:
        batches = self._batches[-1:]
        while True:
            try:
                with running_out_told():
                    for batch in batches:
                        loss = super().training_step(model, batch, num_items_in_batch)
                    return loss
            except OutOfMemorySignal as error:
                self.use_less_memory(str(error))
            self._undo()
            set_random_state(self._random_state)
            batches = self._batches  # of the whole step: its gradient is gone

    def use_less_memory(self, reason: str) -> None:
        """Make the next attempt smaller; here it cannot be.

        Raises:
            OutOfMemoryError: Where it cannot.
        """
        raise OutOfMemoryError(
            f"Memory does not suffice for a batch of {self.args.per_device_train_batch_size} "
            f"({reason}): give a smaller --batch-size, with --accumulation in its place, or a "
            f"smaller --max-length. {self.goes_on_from()}"
        )

    def begin_step(self) -> None:
        """Note what a step must give back if it is skipped."""
        self._batches = []
        self._random_state = random_state()
        self._loss_is_finite = torch.tensor(True, device=self.args.device)
        self._step_loss = torch.tensor(0.0, device=self.args.device)
        self._norm = None

    def _undo(self) -> None:
        """Give back what the batches of this step changed beside the random state."""
        self.trained.zero_grad(set_to_none=True)

    def judge_step(self) -> None:
        """Take the gradients away from a step that is no number, so that it changes nothing.

        Raises:
            NumericError: When too many in a row were.
        """
        gradient_is_finite = self._gradient_norm().isfinite()
        scaled = self.accelerator.scaler is not None
        self._overflowed = scaled and not gradient_is_finite
        finite = self._loss_is_finite if scaled else self._loss_is_finite & gradient_is_finite
        self.step_was_skipped = any_process(~finite)
        if not self.step_was_skipped:
            self._batches = []
            self._in_a_row = 0
            self._proven = self.state.global_step
            return
        self._undo()
        self._tr_loss -= self._step_loss
        self._skipped += 1
        self._in_a_row += 1
        step = self.state.global_step + 1
        loss = float(self._last_loss)
        what = "a gradient is no number" if math.isfinite(loss) else f"loss is {loss}"
        if self._in_a_row >= self.max_bad_steps:
            good = self.last_good(self.gives_numbers())
            raise NumericError(
                f"{what} at step {step}, as in each of the last {self._in_a_row} steps: lower "
                f"--learning-rate, or train with --precision fp32. {good}"
            )
        self._batches = []
        logger.warning("Step %d is skipped: %s.", step, what)

    @torch.no_grad()
    def gives_numbers(self) -> bool:
        """Say whether the present weights give finite outputs, whatever the loss makes of them."""
        batch = self._prepare_inputs(self._batches[-1])
        with in_mode(self.trained, training=False):
            return bool(self.trained(**batch).logits.isfinite().all())

    def nothing_was_changed(self) -> bool:
        """Say whether the last step changed nothing, by our judgement or by the scaler's.

        accelerate does not know of the latter where the optimizer is fused.
        """
        return self.step_was_skipped or self._overflowed

    def _gradient_norm(self) -> Tensor:
        norm = self._norm
        if norm is None:
            grads = [p.grad for p in self.trained.parameters() if p.grad is not None]
            norm = torch.nn.utils.get_total_norm(grads)
        return torch.as_tensor(norm, device=self.args.device)

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        self._norm = super()._get_grad_norm(model, grad_norm)  # type: ignore[no-untyped-call]
        return self._norm

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log; a mean is of the steps that counted, and the others are counted."""
        if "loss" in logs and self._skipped:
            steps = self.state.global_step - self._line_began
            counted = steps - self._skipped
            logs["loss"] = logs["loss"] * steps / counted if counted else math.nan
            logs[SKIPPED] = self._skipped
            self._skipped = 0
        super().log(logs, start_time)

    def unlogged(self) -> dict[str, Any]:
        """Return what the next line of the log is made of, as JSON."""
        counts = {SKIPPED: self._skipped, "in_a_row": self._in_a_row}
        return super().unlogged() | counts

    def take_up(self, unlogged: dict[str, Any]) -> None:
        """Go on with a line of the log."""
        super().take_up(unlogged)
        for name in (SKIPPED, "in_a_row"):
            require_number(unlogged, name)
        self._skipped, self._in_a_row = unlogged[SKIPPED], unlogged["in_a_row"]


class _EachStep(TrainerCallback):
    """Tell the trainer where a step begins, and where its gradient is known."""

    def __init__(self, trainer: GuardedTrainer) -> None:
        self.trainer = trainer

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Begin."""
        self.trainer.begin_step()

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Judge."""
        self.trainer.judge_step()
