"""`ContrastiveTrainer`: transformers' Trainer around a method."""

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from sentemb.errors import OutOfMemoryError, SentembError, UsageError
from sentemb.evaluation import Evaluator
from sentemb.method import Method
from sentemb.runs.committed_trainer import require_whole
from sentemb.runs.guarded_trainer import MICRO_BATCH, GuardedTrainer
from sentemb.runs.logs import Terms
from sentemb.runs.random_state import random_state_kept
from sentemb.runs.saved_state import taken_up
from sentemb.training.checkpoints import load_checkpoint, save_checkpoint
from sentemb.training.collapse import CollapseMonitor
from sentemb.training.collator import Collator, CountEpochs, NumberedRows
from sentemb.training.held_out import held_out_loss
from sentemb.training.made_ahead import MadeAhead
from sentemb.training.mixing import BatchesOfOneSource, Mixing
from sentemb.training.settings import OnCollapse
from sentemb.training.tokenised_rows import TokenisedRows

logger = logging.getLogger("sentemb")

MASKED = "masked_negatives"
FLAG = "constant_rate"
"""Marks the groups of the optimizer whose learning rate does not decay."""


class EndOfStep(TrainerCallback):
    """Tell the twin that a step was taken: before anything is evaluated or saved.

    Args:
        method: What is trained.
        taken: Says whether the last step was taken, by a number on the device: 1, or 0 where it
            changed nothing.
    """

    def __init__(self, method: Method, taken: Callable[[], Tensor]) -> None:
        self.method = method
        self.taken = taken

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Pass on how far the run is."""
        self.method.on_step_end(state.global_step / state.max_steps, self.taken())


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
        tokens: Of the training rows, where they were made before.
        mixing: The batches of several data sets.
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
        tokens: TokenisedRows | None = None,
        mixing: Mixing | None = None,
    ) -> None:
        self.mixing = mixing
        self.evaluators = evaluators
        self.held_out = None if held_out is None else NumberedRows(held_out)
        self.collator = collator
        edited = [view.column for view in method.views if view.edit]
        numbered = NumberedRows(rows, tokens=tokens, edited=edited)
        self.numbered = numbered
        end_of_step = EndOfStep(method, lambda: self.taken)
        self.method = method
        self.collapse = CollapseMonitor(method, on_collapse)
        self.terms = Terms(digits=4, summed=[MASKED])
        super().__init__(
            model=method,
            args=args,
            train_dataset=numbered,
            eval_dataset=[],  # ours are the evaluators, but Trainer insists on one
            data_collator=collator if args.dataloader_num_workers else MadeAhead(collator),
            callbacks=[CountEpochs(numbered), end_of_step, *callbacks],
        )
        for prints_to_stdout in (PrinterCallback, ProgressCallback):
            self.remove_callback(prints_to_stdout)
        self.add_callback(self.collapse)

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train; batches are made ahead, by other processes where there are some."""
        with self.data_collator if isinstance(self.data_collator, MadeAhead) else nullcontext():
            return super().train(*args, **kwargs)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """Return the loss; keep its terms for the log, where it names them."""
        outputs = model(**inputs)
        self.method.twin.on_batch_end()
        self.terms.add({name: value for name, value in outputs.items() if name != "loss"})
        return (outputs["loss"], outputs) if return_outputs else outputs["loss"]

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self.mixing is None:
            return super()._get_train_sampler(train_dataset)
        return BatchesOfOneSource(self.mixing, self.numbered)

    def state_of_step(self) -> list[Tensor]:
        """Return copies of the queue, which every batch changes."""
        return self.method.twin.queue_state()

    def put_back(self, state: Sequence[Tensor], where: Tensor | None = None) -> None:
        """Give the queue back; with a boolean on the device, where it holds."""
        self.method.twin.restore_queue(state, where)

    def measures(self) -> dict[str, float]:
        """Return how far the encoder's embeddings are spread."""
        return self.collapse.measure()

    def gives_numbers(self, batch: Any) -> bool:
        """Say whether the present weights give finite embeddings, whatever the loss is."""
        return "spread" in self.collapse.measure()

    @property
    def micro_batch(self) -> int:
        """Rows that the encoder takes at once; 0 for all."""
        return self.method.twin.micro_batch

    def fit(self, rows: int) -> None:
        """Have the encoder take no more rows at once."""
        self.method.set_micro_batch(min(rows, self.micro_batch or rows))

    def use_less_memory(self, reason: str) -> None:
        """Have the encoder take half as many rows at once; the batch stays as it is.

        Raises:
            OutOfMemoryError: Where that cannot be, or is of no use.
        """
        if self.args.world_size > 1:
            super().use_less_memory(reason)
        try:
            rows = self.method.halve_micro_batch(self.args.per_device_train_batch_size)
        except SentembError as error:
            raise OutOfMemoryError(
                f"Memory does not suffice ({reason}), and {error} Give a smaller `batch_size` or "
                f"`max_length`. {self.goes_on_from()}"
            ) from None
        self.fitted = rows
        self.log({MICRO_BATCH: rows})
        logger.warning(
            "Step %d did not fit into memory (%s): the encoder now takes %d rows at once. The batch"
            " stays as it is.",
            self.state.global_step + 1,
            reason,
            rows,
        )

    def get_decay_parameter_names(self, model: Any) -> list[str]:
        """Leave single numbers, as a learned temperature, out of the weight decay."""
        numbers = {name for name, p in model.named_parameters() if p.ndim == 0}
        return [name for name in super().get_decay_parameter_names(model) if name not in numbers]

    def create_optimizer(self, *args: Any, **kwargs: Any) -> torch.optim.Optimizer:
        """Make the optimizer, with separate groups for what keeps its learning rate."""
        optimizer: torch.optim.Optimizer = super().create_optimizer(*args, **kwargs)
        set_constant_rates_apart(optimizer, self.method.twin.constant_learning_rate())
        for parameters, share in self.method.twin.learning_rates():
            set_apart(optimizer, parameters, lr=share * self.args.learning_rate)
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
        self._rest()
        with random_state_kept(), self.progress.pausing("evaluating"):
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

    def _rest(self) -> None:
        if isinstance(self.data_collator, MadeAhead):
            self.data_collator.rest()

    def _run(self, evaluator: Evaluator) -> list[tuple[str, float]]:
        with torch.no_grad():
            return list(evaluator(self._encode).items())

    def _encode(self, texts: list[str]) -> Any:
        return self.method.encoder.encode(texts, batch_size=64, show_progress_bar=False)

    def save_weights(self, folder: Path) -> None:
        """Save the encoder as a model, and what lives in training only beside it."""
        self._rest()
        save_checkpoint(self.method, folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        with taken_up(Path(resume_from_checkpoint)):
            load_checkpoint(self.method, Path(resume_from_checkpoint))

    def _load_best_model(self) -> None:
        best = Path(str(self.state.best_model_checkpoint))
        require_whole(best)
        with taken_up(best):
            load_checkpoint(self.method, best)


def set_constant_rates_apart(
    optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter]
) -> None:
    """Move parameters into separate groups, which are marked."""
    set_apart(optimizer, parameters, **{FLAG: True})


def set_apart(
    optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter], **options: Any
) -> None:
    """Move parameters into separate groups, with the options of the group they were in, and others.

    What was set apart under the mark of a constant rate stays.
    """
    apart = {id(parameter) for parameter in parameters}
    for group in [group for group in optimizer.param_groups if FLAG not in group]:
        moved = [p for p in group["params"] if id(p) in apart]
        if moved:
            group["params"] = [p for p in group["params"] if id(p) not in apart]
            known = {name: value for name, value in group.items() if name != "params"}
            optimizer.add_param_group({**known, "params": moved, **options})


def keep_constant_rates(scheduler: LRScheduler, warmup_steps: int) -> None:
    """Let the groups that were set apart warm up as the others, and then keep their rate.

    Raises:
        UsageError: When the schedule is not one function of the step for each group.
    """

    def rate(step: int) -> float:
        return min(1.0, step / warmup_steps) if warmup_steps else 1.0

    for i, group in enumerate(scheduler.optimizer.param_groups):
        if FLAG not in group:
            continue
        if not isinstance(scheduler, LambdaLR):
            raise UsageError(
                f"A {type(scheduler).__name__} cannot keep the learning rate of some parameters "
                "(a predictor's): use linear, cosine or constant."
            )
        scheduler.lr_lambdas[i] = rate
