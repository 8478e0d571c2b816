"""An interrupted run saves what it has: a first signal ends it after a step, a second at once."""

from pathlib import Path

import torch
import torch.distributed as dist
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.errors import InterruptedRunError
from sentemb.interruption import Interruption
from sentemb.runs.processes import processes


class StopOnSignal(TrainerCallback, Interruption):
    """End the run after the present step, with a checkpoint, once a signal came.

    With several processes all end after the same step, whichever of them got the signal. A signal
    in an evaluation or a save ends the run after the save, or after the next step where there is
    none.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Save, if one of the processes was asked to stop.

        Not at the end of an epoch that is evaluated and saved right after.
        """
        self._tell_all(args)
        epoch_ends = args.save_strategy == "epoch" and float(state.epoch or 0).is_integer()
        if self.received and not epoch_ends:
            control.should_save = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Stop, if one of the processes was asked to and steps are left.

        Raises:
            InterruptedRunError: Its exit code is 128 plus the signal's number.
        """
        self._tell_all(args)
        if self.received and state.global_step < state.max_steps:
            raise InterruptedRunError(
                f"Interrupted after step {state.global_step} of {state.max_steps}; its checkpoint "
                f"is in '{self.folder}': continue with `resume=True`.",
                self.received,
            )

    def _tell_all(self, args: TrainingArguments) -> None:
        if args.world_size > 1:
            highest = torch.tensor(self.received, device=processes().device)
            dist.all_reduce(highest, op=dist.ReduceOp.MAX)
            self.received = int(highest)
