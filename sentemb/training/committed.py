"""`CommittedTrainer`: what it saved is whole, and a run that goes on is the run that was cut."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.errors import InputError, NumericError, StorageError
from sentemb.storage import sync
from sentemb.training.commit import COMMIT, commit, committed, problem_of, rotate
from sentemb.training.disk import size_of, told_what_is_free
from sentemb.training.logs import require_finite
from sentemb.training.output import METRICS
from sentemb.training.processes import processes
from sentemb.training.randomness import random_state_kept


class CommittedTrainer(Trainer):
    """Commit every checkpoint, and keep in it what transformers forgets: the line being logged.

    Attributes:
        conditions: What a run that goes on from a checkpoint must not change.
    """

    conditions: Mapping[str, Any] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_callback(_TakeUp(self))
        self._resumes_from: Path | None = None
        self._line_began = 0

    @property
    def trained(self) -> nn.Module:
        """What is trained, not wrapped."""
        return cast(nn.Module, self.model)

    def train(self, resume_from_checkpoint: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train, from a checkpoint where one is named."""
        self._resumes_from = Path(resume_from_checkpoint) if resume_from_checkpoint else None
        return super().train(resume_from_checkpoint, *args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate; training is not perturbed."""
        with random_state_kept():
            return super().evaluate(*args, **kwargs)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log; the mean loss of the whole run also where it was resumed."""
        if "train_loss" in logs:
            logs["train_loss"] = self._total_loss_scalar / max(1, self.state.global_step)
        super().log(logs, start_time)
        if "loss" in logs:
            self._line_began = self.state.global_step

    def unlogged(self) -> dict[str, Any]:
        """Return what the next line of the log is made of, as JSON."""
        return {
            "loss": float(self._tr_loss),
            "total_loss": self._total_loss_scalar,
            "began": self._line_began,
        }

    def take_up(self, unlogged: dict[str, Any]) -> None:
        """Go on with a line of the log."""
        self._tr_loss += unlogged["loss"]
        self._total_loss_scalar = unlogged["total_loss"]
        self._line_began = self._globalstep_last_logged = unlogged["began"]

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(str(self.args.output_dir))
        checkpoint = folder / f"checkpoint-{self.state.global_step}"
        try:
            require_finite(self.trained)
        except NumericError as error:
            raise NumericError(f"{error} {self.goes_on_from()}") from None
        first = self.is_world_process_zero()
        needed = size_of(self.trained) + _size_of_state(self.optimizer)
        if first:
            (checkpoint / COMMIT).unlink(missing_ok=True)
        try:
            with told_what_is_free(f"'{checkpoint}'", folder.parent, needed):
                super()._save_checkpoint(model, trial)
                self._unlogged_file(checkpoint).write_text(
                    json.dumps(self.unlogged()), encoding="utf-8"
                )
                if first and (folder.parent / METRICS).exists():
                    sync(folder.parent / METRICS)
                processes().wait_for_everyone()
                if first:
                    commit(checkpoint, self.conditions)
        except StorageError as error:
            shutil.rmtree(checkpoint, ignore_errors=True)  # it does not count, and takes room
            raise StorageError(f"{error} {self.goes_on_from()}") from error
        if first:
            rotate(folder, self.state.best_global_step)

    def goes_on_from(self) -> str:
        """Say which checkpoint is left."""
        whole = committed(Path(str(self.args.output_dir)))
        return f"The last good checkpoint is '{whole[0]}'." if whole else "There is no checkpoint."

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
        self.take_up(
            json.loads(self._unlogged_file(self._resumes_from).read_text(encoding="utf-8"))
        )
        self.state.best_model_checkpoint = None
        if self.state.best_global_step and self.args.load_best_model_at_end:
            folder = Path(str(self.args.output_dir))  # which may have been moved since
            best = folder / f"checkpoint-{self.state.best_global_step}"
            self.state.best_model_checkpoint = str(best)
            require_whole(best)

    def _load_best_model(self) -> None:
        require_whole(Path(str(self.state.best_model_checkpoint)))
        super()._load_best_model()


def _size_of_state(optimizer: torch.optim.Optimizer | None) -> int:
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
            "start afresh (--overwrite)."
        )


class _TakeUp(TrainerCallback):
    """Go on with the log before anything is added to it."""

    def __init__(self, trainer: CommittedTrainer) -> None:
        self.trainer = trainer

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Do so, in a run that goes on."""
        self.trainer._go_on()
