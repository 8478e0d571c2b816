"""Several processes of one run, as ``torchrun`` and ``accelerate launch`` start them."""

from collections.abc import Callable
from datetime import timedelta

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, reduce
from torch import Tensor
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.errors import FinishedError, SentembError

PATIENCE = timedelta(days=2)
"""How long a process waits for another, as for the first while its teacher encodes."""


def processes() -> PartialState:
    """Return which process this is, and of how many; the first call meets the others."""
    return PartialState(cpu=not torch.cuda.is_available(), timeout=PATIENCE)


def refused_by_one(check: Callable[[], None]) -> None:
    """Run a check in the first process; what it refuses there, all refuse.

    Raises:
        SentembError: As the check does.
    """
    refusals: list[SentembError | None] = [None]
    if processes().is_main_process:
        try:
            check()
        except SentembError as error:
            refusals = [error.with_traceback(None)]
    if processes().num_processes > 1:
        broadcast_object_list(refusals)
    if refusals[0] is not None:
        if not isinstance(refusals[0], FinishedError):  # others may follow
            leave_processes()
        raise refusals[0]


def in_any_process(told: Tensor) -> Tensor:
    """Return whether this holds in any of the processes, without waiting; all must ask."""
    if processes().num_processes > 1:
        every: Tensor = reduce(told.float(), "sum")
        return every > 0
    return told


def leave_processes() -> None:
    """Part from the others in good order: who is last would else find its connection closed.

    Waiting also lets gloo's threads drop the tensors of the last exchange, for which they need
    Python's lock: the group's end waits for them, and holds it.
    """
    if processes().num_processes > 1:
        processes().wait_for_everyone()
        processes().destroy_process_group()


class DropoutOfItsOwn(TrainerCallback):
    """Give each process its own random numbers, or all would draw the same dropout masks."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Seed by the rank; a resumed run then takes its own state from the checkpoint."""
        if args.process_index:
            torch.manual_seed(args.seed + args.process_index)
