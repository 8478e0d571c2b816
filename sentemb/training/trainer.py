"""`ContrastiveTrainer`: transformers' Trainer around a method."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from sentemb.evaluation import Evaluator
from sentemb.method import Method
from sentemb.training.checkpoints import load_checkpoint, save_checkpoint
from sentemb.training.collator import Collator
from sentemb.training.committed import require_whole
from sentemb.training.constant_rate import keep_constant_rates, set_constant_rates_apart
from sentemb.training.held_out import held_out_loss
from sentemb.training.method_steps import MethodSteps
from sentemb.training.randomness import random_state_kept
from sentemb.training.resumed import taken_up
from sentemb.training.rows import CountEpochs, NumberedRows
from sentemb.training.settings import OnCollapse


class EndOfStep(TrainerCallback):
    """Tell the twin that a step was taken: before anything is evaluated or saved.

    Args:
        method: What is trained.
        was_skipped: Whether the last step changed nothing.
    """

    def __init__(self, method: Method, was_skipped: Callable[[], bool]) -> None:
        self.method = method
        self.was_skipped = was_skipped

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Pass on how far the run is."""
        if not self.was_skipped():
            self.method.twin.on_step_end(state.global_step / state.max_steps)


class ContrastiveTrainer(MethodSteps):
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
        self.evaluators = evaluators
        self.held_out = None if held_out is None else NumberedRows(held_out)
        self.collator = collator
        numbered = NumberedRows(rows)
        end_of_step = EndOfStep(method, self.nothing_was_changed)
        super().__init__(
            method,
            on_collapse,
            args=args,
            train_dataset=numbered,
            eval_dataset=[],  # ours are the evaluators, but Trainer insists on one
            data_collator=collator,
            callbacks=[CountEpochs(numbered), end_of_step, *callbacks],
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
        set_constant_rates_apart(optimizer, self.method.twin.constant_learning_rate())
        return optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> Any:
        """Make the schedule; what keeps its learning rate only warms up."""
        scheduler = super().create_scheduler(num_training_steps, optimizer)
        keep_constant_rates(scheduler, self.args.get_warmup_steps(num_training_steps))
        return scheduler

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
        with taken_up(Path(resume_from_checkpoint)):
            load_checkpoint(self.method, Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        best = Path(str(self.state.best_model_checkpoint))
        require_whole(best)
        with taken_up(best):
            load_checkpoint(self.method, best)
