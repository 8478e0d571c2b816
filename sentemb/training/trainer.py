"""`ContrastiveTrainer`: transformers' Trainer around a method."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from transformers import TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from sentemb.errors import OutOfMemoryError, SentembError
from sentemb.evaluation import Evaluator
from sentemb.method import Method
from sentemb.training.checkpoints import load_checkpoint, save_checkpoint
from sentemb.training.collapse import CollapseMonitor
from sentemb.training.collator import Collator
from sentemb.training.committed import require_whole
from sentemb.training.constant_rate import keep_constant_rates, set_constant_rates_apart
from sentemb.training.guarded import GuardedTrainer
from sentemb.training.held_out import held_out_loss
from sentemb.training.randomness import random_state_kept
from sentemb.training.rows import CountEpochs, NumberedRows
from sentemb.training.settings import OnCollapse
from sentemb.training.twins import (
    AfterStep,
    after_batch,
    constant_rate,
    halve_micro_batch,
    put_queue_back,
    queue_of,
    set_micro_batch,
)

logger = logging.getLogger("sentemb")

MASKED = "masked_negatives"
MICRO_BATCH = "micro_batch"


class ContrastiveTrainer(GuardedTrainer):
    """Train a method; every checkpoint it writes is a sentence-transformers model.

    Args:
        method: What is trained.
        args: As for any Trainer; ``remove_unused_columns`` must be off.
        rows: Training rows.
        collator: From rows to the tokens of each view.
        evaluators: Called on the encoder at every evaluation; their numbers are logged as
            ``eval_<name>``.
        held_out: Rows whose loss is logged as ``eval_held_out_loss``.
        callbacks: As for any Trainer.
        on_collapse: As in `Settings`.
    """

    def __init__(
        self,
        method: Method,
        args: TrainingArguments,
        rows: Dataset,
        collator: Collator,
        evaluators: Sequence[Evaluator] = (),
        held_out: Dataset | None = None,
        callbacks: Sequence[TrainerCallback] = (),
        on_collapse: OnCollapse = "warn",
    ) -> None:
        self.collapse = CollapseMonitor(method, on_collapse)
        self.method = method
        self.evaluators = evaluators
        self.held_out = None if held_out is None else NumberedRows(held_out)
        self.collator = collator
        self._terms: dict[str, list[Tensor]] = {}
        numbered = NumberedRows(rows)
        after_step = AfterStep(method, lambda: self.step_was_skipped)
        super().__init__(
            model=method,
            args=args,
            train_dataset=numbered,
            eval_dataset=[],  # ours are the evaluators, but Trainer insists on one
            data_collator=collator,
            callbacks=[CountEpochs(numbered), after_step, *callbacks, self.collapse],
        )
        for prints_to_stdout in (PrinterCallback, ProgressCallback):
            self.remove_callback(prints_to_stdout)

    def get_decay_parameter_names(self, model: Any) -> list[str]:
        """Leave single numbers, as a learned temperature, out of the weight decay."""
        numbers = {name for name, p in model.named_parameters() if p.ndim == 0}
        return [name for name in super().get_decay_parameter_names(model) if name not in numbers]

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        """Make the optimizer, with groups of their own for what keeps its learning rate."""
        optimizer: torch.optim.Optimizer = super().create_optimizer(*args, **kwargs)
        set_constant_rates_apart(optimizer, constant_rate(self.method))
        return optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> Any:
        """Make the schedule; what keeps its learning rate only warms up."""
        scheduler = super().create_scheduler(num_training_steps, optimizer)
        keep_constant_rates(scheduler, self.args.get_warmup_steps(num_training_steps))
        return scheduler

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return the loss; keep its terms for the log, where it names them."""
        outputs = model(**inputs)
        after_batch(self.method)
        for name, value in outputs.items():
            if name != "loss":
                self._terms.setdefault(name, []).append(value)
        return (outputs["loss"], outputs) if return_outputs else outputs["loss"]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log, with each term's mean and the count of masked negatives since the last line."""
        if "loss" in logs:
            if MASKED in self._terms:
                logs[MASKED] = int(torch.stack(self._terms.pop(MASKED)).sum())
            for name, values in self._terms.items():
                logs[f"loss_{name}"] = round(float(torch.stack(values).mean()), 4)
            self._terms.clear()
            logs |= self.collapse.measure()
        super().log(logs, start_time)

    def unlogged(self) -> dict[str, Any]:
        """Return what the next line of the log is made of, as JSON."""
        terms = {name: [value.item() for value in values] for name, values in self._terms.items()}
        return super().unlogged() | {"terms": terms, MICRO_BATCH: self.micro_batch}

    def take_up(self, unlogged: dict[str, Any]) -> None:
        """Go on with a line of the log, and with the micro-batch that fitted."""
        super().take_up(unlogged)
        self._terms = {
            name: [torch.tensor(value, device=self.args.device) for value in values]
            for name, values in unlogged["terms"].items()
        }
        set_micro_batch(self.method, unlogged[MICRO_BATCH])

    @property
    def micro_batch(self) -> int:
        """Rows that the encoder takes at once; 0 for all."""
        return int(getattr(self.method.twin, "micro_batch", 0))

    def use_less_memory(self, reason: str) -> None:
        """Have the encoder take half as many rows at once; the batch stays as it is.

        Raises:
            OutOfMemoryError: Where that cannot be, or is of no use.
        """
        if self.args.world_size > 1:
            super().use_less_memory(reason)
        try:
            rows = halve_micro_batch(self.method, self.args.per_device_train_batch_size)
        except SentembError as error:
            raise OutOfMemoryError(
                f"Memory does not suffice ({reason}), and {error} Give a smaller --batch-size or "
                f"--max-length. {self.goes_on_from()}"
            ) from None
        self.log({MICRO_BATCH: rows})
        logger.warning(
            "Step %d did not fit into memory (%s): the encoder now takes %d rows at once. The batch"
            " stays as it is.",
            self.state.global_step + 1,
            reason,
            rows,
        )

    def begin_step(self) -> None:
        """Note what a step must give back if it is skipped."""
        super().begin_step()
        self._queue = queue_of(self.method)
        self._counts = {name: len(values) for name, values in self._terms.items()}

    def _undo(self) -> None:
        super()._undo()
        put_queue_back(self.method, self._queue)
        counts = self._counts
        self._terms = {name: self._terms[name][:count] for name, count in counts.items()}

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """Run the evaluators; training is not perturbed, whatever they draw."""
        with random_state_kept():
            numbers = {k: v for evaluator in self.evaluators for k, v in self._run(evaluator)}
            if self.held_out is not None:
                numbers["held_out_loss"] = held_out_loss(
                    self.method,
                    self.held_out,
                    self.collator,
                    self.args.per_device_train_batch_size,
                )
        metrics = {f"{metric_key_prefix}_{name}": number for name, number in numbers.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _run(self, evaluator: Evaluator) -> list[tuple[str, float]]:
        with torch.no_grad():
            return list(evaluator(self._encode).items())

    def _encode(self, texts: list[str]) -> Any:
        return self.method.encoder.encode(texts, batch_size=64, show_progress_bar=False)

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None
    ) -> None:
        folder = Path(str(output_dir or self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        save_checkpoint(self.method, folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_checkpoint(self.method, Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        best = Path(str(self.state.best_model_checkpoint))
        require_whole(best)
        load_checkpoint(self.method, best)
