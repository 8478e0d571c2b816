"""`GuardedTrainer`: one step, the line of the log it counts in, and how it is undone.

A step whose loss or gradient is not a number, or that did not fit into memory, changes nothing.
Nothing waits for the device in a step: it skips the step by itself, and the host reads a step later
whether it did.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.encoders.embedding import in_mode
from sentemb.errors import NumericError, OutOfMemoryError
from sentemb.runs.committed_trainer import CommittedTrainer
from sentemb.runs.logs import LogLines, Terms
from sentemb.runs.out_of_memory import repeated_with_less
from sentemb.runs.processes import in_any_process
from sentemb.runs.random_state import random_state, set_random_state
from sentemb.runs.read_later import ReadLater
from sentemb.runs.saved_state import require_number

logger = logging.getLogger("sentemb")


SKIPPED = "skipped_steps"
MICRO_BATCH = "micro_batch"
EARLIER: dict[str, Any] = {"seconds": 0.0, "proven": -1, "terms": {}, MICRO_BATCH: 0}
"""What earlier versions did not save of a line of the log."""


class Verdict(NamedTuple):
    """What the host is to learn of a step.

    Args:
        step: Its number, from 1.
        numbers: Whether it is skipped, and its last loss.
        batch: Its last batch.
    """

    step: int
    numbers: ReadLater
    batch: Any


class GuardedTrainer(CommittedTrainer):
    """Skip steps whose loss or gradient is not a number; try a step that did not fit again.

    A skipped step leaves parameters, optimizer and `state_of_step` as they were; the schedule goes
    on. In fp16 gradients that overflow are the scaler's affair, and not counted.

    A step is `begin_step`, `training_step` once a batch, `judge_step`, and `log` every few steps;
    `settle` reads the verdict on it, in the next step's `judge_step` or before the log or a
    checkpoint is written.
    A trainer built on this one overrides none of them, but these, which do nothing here:
    `state_of_step` and `put_back`, `measures`, `use_less_memory` and `fit`, `gives_numbers`.

    Attributes:
        max_bad_steps: So many skipped in a row end the run.
        taken: 1 where the last step was taken, 0 where it changed nothing, by our judgement or by
            the scaler's; on the device.
        terms: What the loss is made of, for the log.
        fitted: Rows that are computed at once since memory ran out; 0 where it did not.
    """

    max_bad_steps = 3
    taken: Tensor
    terms: Terms
    fitted = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_callback(_EachStep(self))
        self.add_callback(LogLines(self.progress))
        self._batches: list[Any] = []
        self._skipped = self._in_a_row = self._line_began = 0
        self._started, self._seconds_before = time.monotonic(), 0.0
        self._loss_is_finite = torch.tensor(True)
        self._step_loss = self._last_loss = torch.tensor(0.0)
        self._norm: Tensor | float | None = None
        self._skip = torch.tensor(False)
        self._verdict: Verdict | None = None

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """Return the loss of a batch, its gradient added up; 0 where the loss is not a number."""
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

        def attempt() -> Tensor:
            for batch in batches:
                loss = super(GuardedTrainer, self).training_step(model, batch, num_items_in_batch)
            return loss

        def lessen(reason: str) -> None:
            nonlocal batches
            self.use_less_memory(reason)
            self._undo()
            set_random_state(self._random_state)
            batches = self._batches  # of the whole step: its gradient is gone

        return repeated_with_less(attempt, lessen)

    def use_less_memory(self, reason: str) -> None:
        """Make the next attempt smaller; here it cannot be.

        Raises:
            OutOfMemoryError: Where it cannot.
        """
        raise OutOfMemoryError(
            f"Out of memory for a batch of {self.args.per_device_train_batch_size} ({reason}): "
            "give a smaller `batch_size` with more `accumulation`, or a smaller `max_length`. "
            f"{self.goes_on_from()}"
        )

    def state_of_step(self) -> list[Tensor]:
        """Return copies of what a batch changes beside gradients, as a queue; nothing here."""
        return []

    def put_back(self, state: Sequence[Tensor], where: Tensor | None = None) -> None:
        """Give back what `state_of_step` returned; with a boolean on the device, where it holds."""

    def measures(self) -> dict[str, float]:
        """Return more numbers for a line of the log; none here."""
        return {}

    def fit(self, rows: int) -> None:
        """Compute so many rows at once, as the run did before it was resumed."""

    def begin_step(self) -> None:
        """Note what a step must give back if it is skipped."""
        self._batches = []
        self._before = self.state_of_step()
        self.terms.begin(self.state.global_step + 1)
        self._random_state = random_state()
        self._loss_is_finite = torch.ones((), dtype=torch.bool, device=self.args.device)
        self._step_loss = torch.zeros((), device=self.args.device)
        self._norm = None

    def _undo(self) -> None:
        """Give back what the batches of this step changed beside the random state."""
        self.trained.zero_grad(set_to_none=True)
        self.put_back(self._before)
        self.terms.forget(self.state.global_step + 1)

    def judge_step(self) -> None:
        """Have a step that is not a number change nothing.

        Raises:
            NumericError: When too many in a row before this one were not.
        """
        self.settle()
        gradient_is_finite = self._gradient_norm().isfinite()
        finite = self._loss_is_finite
        if self.accelerator.scaler is None:
            finite = finite & gradient_is_finite
        self._skip = in_any_process(~finite)
        self.taken = (~self._skip & gradient_is_finite).float()
        self.put_back(self._before, self._skip)
        self._tr_loss -= self._step_loss * self._skip
        numbers = torch.stack([self._skip.float(), self._last_loss.float()])
        step, batch = self.state.global_step + 1, self._batches[-1]
        self._verdict = Verdict(step, ReadLater(numbers), batch)
        self._batches = []

    def settle(self) -> None:
        """Count the last step that was judged, and say so if it was skipped.

        Raises:
            NumericError: When too many in a row were.
        """
        if self._verdict is None:
            return
        step, numbers, batch = self._verdict
        self._verdict = None
        skipped, loss = numbers.read()
        if not skipped:
            self._in_a_row = 0
            self.proven = step - 1
            return
        self.terms.forget(step)
        self._skipped += 1
        self._in_a_row += 1
        what = "a gradient is not a number" if math.isfinite(loss) else f"loss is {loss}"
        if self._in_a_row >= self.max_bad_steps:
            good = self.last_good(self.gives_numbers(batch))
            raise NumericError(
                f"{what} at step {step}, as in each of the last {self._in_a_row} steps: lower "
                f"`learning_rate`, or train with `precision='fp32'`. {good}"
            )
        logger.warning("Step %d is skipped: %s.", step, what)

    @torch.no_grad()
    def gives_numbers(self, batch: Any) -> bool:
        """Say whether the present weights give finite outputs, whatever the loss makes of them."""
        batch = self._prepare_inputs(batch)
        with in_mode(self.trained, training=False):
            return bool(self.trained(**batch).logits.isfinite().all())

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        """Make the optimizer; it passes over a step that is skipped."""
        optimizer: torch.optim.Optimizer = super().create_optimizer(*args, **kwargs)
        leaving_out(optimizer, lambda: self._skip)
        return optimizer

    def _gradient_norm(self) -> Tensor:
        norm = self._norm
        if norm is None:
            grads = [p.grad for p in self.trained.parameters() if p.grad is not None]
            norm = torch.nn.utils.get_total_norm(grads)
        return norm if isinstance(norm, Tensor) else torch.full((), norm, device=self.args.device)

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        self._norm = super()._get_grad_norm(model, grad_norm)  # type: ignore[no-untyped-call]
        return self._norm

    @property
    def seconds(self) -> float:
        """The time of the run so far, including the parts before its checkpoint."""
        return self._seconds_before + time.monotonic() - self._started

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train, by the clock."""
        self._started = time.monotonic()
        return super().train(*args, **kwargs)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log; a mean is of the steps that counted, and times are of the whole run, if resumed."""
        self.settle()
        steps, seconds = self.state.global_step, max(self.seconds, 1e-4)
        if "loss" in logs:
            logs |= self.terms.logged() | self.measures()
            if self._skipped:
                line = steps - self._line_began
                counted = line - self._skipped
                logs["loss"] = logs["loss"] * line / counted if counted else math.nan
                logs[SKIPPED] = self._skipped
                self._skipped = 0
        if "train_loss" in logs:
            logs["train_loss"] = self._total_loss_scalar / max(1, steps)
        if "train_runtime" in logs:
            rows = self.args.train_batch_size * self.args.gradient_accumulation_steps
            rows *= self.args.world_size
            logs["train_runtime"] = round(seconds, 4)
            logs["train_samples_per_second"] = round(steps * rows / seconds, 3)
            logs["train_steps_per_second"] = round(steps / seconds, 3)
        super().log(logs, start_time)
        if "loss" in logs:
            self._line_began = steps

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self.settle()
        super()._save_checkpoint(model, trial)

    def unlogged(self) -> dict[str, Any]:
        """Return what the next line of the log is made of, as JSON."""
        self.settle()
        return {
            "loss": float(self._tr_loss),
            "total_loss": self._total_loss_scalar,
            "began": self._line_began,
            "seconds": round(self.seconds, 1),
            "proven": self.proven,
            SKIPPED: self._skipped,
            "in_a_row": self._in_a_row,
            "terms": self.terms.as_json(),
            MICRO_BATCH: self.fitted,
        }

    def take_up(self, unlogged: dict[str, Any]) -> None:
        """Go on with a line of the log, and with the rows at once that fitted."""
        for name, value in EARLIER.items():
            unlogged.setdefault(name, value)
        for name in ("loss", "total_loss", "proven"):
            require_number(unlogged, name, least=-math.inf, finite=name == "proven")
        for name in ("seconds", SKIPPED, "in_a_row", MICRO_BATCH):
            require_number(unlogged, name)
        require_number(unlogged, "began", most=self.state.global_step)
        self.terms.take_up(unlogged["terms"], self.args.device)
        self._seconds_before, self.proven = unlogged["seconds"], unlogged["proven"]
        self._tr_loss += unlogged["loss"]
        self._total_loss_scalar = unlogged["total_loss"]
        self._line_began = self._globalstep_last_logged = unlogged["began"]
        self._skipped, self._in_a_row = unlogged[SKIPPED], unlogged["in_a_row"]
        self.fitted = unlogged[MICRO_BATCH]
        if self.fitted:
            self.fit(self.fitted)


def leaving_out(optimizer: torch.optim.Optimizer, skipped: Callable[[], Tensor]) -> None:
    """Have an optimizer pass over steps: weights, its state and the weight decay stay as they are.

    A fused one does so on the device, by the number that a gradient scaler hands it. For any other
    the host waits, and takes the gradients away.

    Args:
        optimizer: Changed in place.
        skipped: Says whether this step is; a boolean on the device.
    """
    fused = getattr(optimizer, "_step_supports_amp_scaling", False)
    given: list[bool] = []

    def before(_optimizer: Any, *_: object) -> None:
        if not fused:
            if bool(skipped()):
                optimizer.zero_grad(set_to_none=True)
            return
        skip, found = skipped().float(), getattr(optimizer, "found_inf", None)
        given.append(found is not None)
        cast(Any, optimizer).found_inf = skip if found is None else torch.maximum(skip, found)

    def after(_optimizer: Any, *_: object) -> None:
        if fused and not given.pop():  # a scaler takes its own away
            del cast(Any, optimizer).found_inf

    optimizer.register_step_pre_hook(before)
    optimizer.register_step_post_hook(after)


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
