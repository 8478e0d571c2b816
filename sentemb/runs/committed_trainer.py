"""`CommittedTrainer`: checkpoints that are whole, and runs that resume from them bit for bit."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.bars import Progress
from sentemb.encoders.loading import bars_hidden
from sentemb.errors import InputError, NumericError, StorageError
from sentemb.runs.checkpoint_commit import (
    COMMIT,
    OF_A_RUN,
    commit,
    committed,
    good_checkpoints,
    problem_of,
    rotate,
)
from sentemb.runs.logs import require_finite
from sentemb.runs.out_of_memory import dead_workers_told
from sentemb.runs.processes import processes
from sentemb.runs.publish import size_of, told_what_is_free
from sentemb.runs.random_state import random_state_kept
from sentemb.runs.run_folder import METRICS
from sentemb.runs.saved_state import (
    GIVEN,
    check_callbacks,
    check_optimizer,
    check_scheduler,
    check_trainer_state,
    taken_up,
)
from sentemb.runs.trackers import ended, prepare_tracker
from sentemb.storage import claim, remove_tree, sync, write_json


class CommittedTrainer(Trainer):
    """Commit every checkpoint, and keep in it what transformers forgets: the line being logged.

    Attributes:
        progress: How far the training is.
        conditions: What a run that resumes from a checkpoint must not change.
        proven: The newest step whose weights are known to give a finite loss; -1 for none.
    """

    conditions: Mapping[str, Any] = {}
    proven = -1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.progress = Progress("training", None, "steps", lines=False)
        self.add_callback(_TakeUp(self))
        self._resumes_from: Path | None = None
        if self.args.report_to and self.is_world_process_zero():
            run = Path(str(self.args.output_dir)).parent
            prepare_tracker(self.callback_handler.callbacks, self.args.report_to, run)

    @property
    def trained(self) -> nn.Module:
        """What is trained, not wrapped."""
        return cast(nn.Module, self.model)

    def train(self, resume_from_checkpoint: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train, from a checkpoint where one is named."""
        self._resumes_from = Path(resume_from_checkpoint) if resume_from_checkpoint else None
        if self._resumes_from is not None:
            check_trainer_state(self._resumes_from)
        with (
            dead_workers_told(self.goes_on_from),
            bars_hidden(),
            closing(self.progress),
            ended(self),
        ):
            return super().train(resume_from_checkpoint, *args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate; training is not perturbed."""
        with random_state_kept(), self.progress.pausing("evaluating"):
            return super().evaluate(*args, **kwargs)

    def unlogged(self) -> dict[str, Any]:
        """Return what a resumed run needs to know of the line being logged, as JSON."""
        return {}

    def take_up(self, unlogged: dict[str, Any]) -> None:
        """Go on with the line that `unlogged` described.

        Raises:
            ValueError: When a value is out of its range.
        """

    def save_weights(self, folder: Path) -> None:
        """Write what is trained into a folder; one process does."""
        super()._save(str(folder))

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if self.args.should_save:  # transformers asks every process
            folder = Path(str(output_dir or self.args.output_dir))
            folder.mkdir(parents=True, exist_ok=True)
            self.save_weights(folder)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(str(self.args.output_dir))
        checkpoint = folder / f"checkpoint-{self.state.global_step}"
        try:
            require_finite(self.trained)
        except NumericError as error:
            raise NumericError(f"{error} {self.last_good()}") from None
        first = self.is_world_process_zero()
        needed = size_of(self.trained) + _size_of_state(self.optimizer)
        try:
            with told_what_is_free(f"'{checkpoint}'", folder.parent, needed):
                if first:
                    claim(folder.parent, [f"{folder.name}/{checkpoint.name}/"], OF_A_RUN)
                    (checkpoint / COMMIT).unlink(missing_ok=True)
                super()._save_checkpoint(model, trial)
                write_json(self._unlogged_file(checkpoint), self.unlogged())
                if first and (folder.parent / METRICS).exists():
                    sync(folder.parent / METRICS)
                processes().wait_for_everyone()
                if first:
                    commit(checkpoint, self.conditions)
        except StorageError as error:
            remove_tree(checkpoint)  # it does not count, and takes room
            raise StorageError(f"{error} {self.goes_on_from()}") from error
        if first:
            rotate(folder, self.state.best_global_step, self.proven)
        processes().wait_for_everyone()  # what the others read next is whole

    def goes_on_from(self) -> str:
        """Say which checkpoint is left."""
        whole = committed(Path(str(self.args.output_dir)))
        return f"The last good checkpoint is '{whole[0]}'." if whole else "There is no checkpoint."

    def last_good(self, present_is_good: bool = False) -> str:
        """Say which is the newest checkpoint whose weights are known to give numbers.

        Args:
            present_is_good: Whether the present weights do: then all checkpoints do.
        """
        if present_is_good:
            return self.goes_on_from()
        good = good_checkpoints(Path(str(self.args.output_dir)), self.proven)
        if good:
            return f"The last good checkpoint is '{good[0]}'."
        return "No checkpoint is known to give finite numbers: start afresh (`overwrite=True`)."

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        check_optimizer(Path(checkpoint), self.optimizer)
        check_scheduler(Path(checkpoint), self.lr_scheduler)
        optimizer, schedule = cast(Optimizer, self.optimizer), cast(LambdaLR, self.lr_scheduler)
        given = [{name: group[name] for name in GIVEN} for group in optimizer.param_groups]
        with taken_up(Path(checkpoint)):
            super()._load_optimizer_and_scheduler(checkpoint)
        _set_rates(optimizer, schedule, given)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is None:
            return
        rank = f"_{self.args.process_index}" if self.args.world_size > 1 else ""
        path = Path(checkpoint, f"rng_state{rank}.pth")
        with taken_up(path):
            if not path.is_file():
                raise ValueError("it is missing")
            super()._load_rng_state(checkpoint)

    def _load_scaler(self, checkpoint: str | None) -> None:
        with taken_up(Path(str(checkpoint), "scaler.pt")):
            super()._load_scaler(checkpoint)

    def _load_callback_state(self) -> None:
        if self.args.restore_callback_states_from_checkpoint and self._resumes_from is not None:
            check_callbacks(
                self._resumes_from, self.state, [*self.callback_handler.callbacks, self.control]
            )
        super()._load_callback_state()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        with taken_up(Path(resume_from_checkpoint)):
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        """Take no step where all are taken: the run was cut between the last one and the model."""
        if self.state.global_step >= self.state.max_steps:
            self.control.should_training_stop = True
            return
        super()._run_epoch(*args, **kwargs)  # type: ignore[no-untyped-call]

    def _unlogged_file(self, checkpoint: Path) -> Path:
        rank = f"_{self.args.process_index}" if self.args.world_size > 1 else ""
        return checkpoint / f"log_state{rank}.json"

    def _go_on(self) -> None:
        """Take up what transformers does not: the log, and the best checkpoint by its step."""
        if self._resumes_from is None:
            return
        path = self._unlogged_file(self._resumes_from)
        with taken_up(path):
            self.take_up(json.loads(path.read_text(encoding="utf-8")))
        state: Any = self.state
        state.compute_steps(self.args, state.max_steps)  # the checkpoint's may be others
        self.state.best_model_checkpoint = None
        if self.state.best_global_step and self.args.load_best_model_at_end:
            folder = Path(str(self.args.output_dir))  # which may have been moved since
            best = folder / f"checkpoint-{self.state.best_global_step}"
            self.state.best_model_checkpoint = str(best)
            require_whole(best)

    def _load_best_model(self) -> None:
        best = Path(str(self.state.best_model_checkpoint))
        require_whole(best)
        with taken_up(best):
            super()._load_best_model()


def _set_rates(
    optimizer: Optimizer, schedule: LambdaLR, given: Sequence[Mapping[str, float]]
) -> None:
    """Take rates and weight decay from this run: it may be allowed others than its checkpoint's."""
    schedule.base_lrs = [group["initial_lr"] for group in given]
    factors = [of_step(schedule.last_epoch) for of_step in schedule.lr_lambdas]
    for group, own, factor in zip(optimizer.param_groups, given, factors, strict=True):
        group.update(own, lr=own["initial_lr"] * factor)
    schedule._last_lr = [group["lr"] for group in optimizer.param_groups]


def _size_of_state(optimizer: Optimizer | None) -> int:
    states = [] if optimizer is None else optimizer.state.values()
    tensors = [t for state in states for t in state.values() if isinstance(t, torch.Tensor)]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def require_whole(checkpoint: Path) -> None:
    """Raise where a checkpoint that is needed is damaged.

    Raises:
        InputError: When it is; says which file.
    """
    problem = problem_of(checkpoint)
    if problem is not None:
        raise InputError(
            f"The best checkpoint, '{checkpoint}', is damaged: {problem}. Bring the file back, or "
            "start afresh (`overwrite=True`)."
        )


class _TakeUp(TrainerCallback):
    """Go on with the log before anything is added to it."""

    def __init__(self, trainer: CommittedTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Load the weights of the checkpoint, in a run that resumes."""
        self.trainer._go_on()
