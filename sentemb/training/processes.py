"""Several processes of one run, as ``torchrun`` and ``accelerate launch`` start them."""

from collections.abc import Callable

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.errors import UsageError


def processes() -> PartialState:
    """Return which process this is, and of how many; the first call meets the others."""
    return PartialState(cpu=not torch.cuda.is_available())


def refused_by_one(check: Callable[[], None]) -> None:
    """Run a check in the first process; what it refuses there, all refuse.

    Raises:
        UsageError: When the check does.
    """
    refusals: list[str | None] = [None]
    if processes().is_main_process:
        try:
            check()
        except UsageError as error:
            refusals = [str(error)]
    if processes().num_processes > 1:
        broadcast_object_list(refusals)
    if refusals[0] is not None:
        leave_processes()
        raise UsageError(refusals[0])


def leave_processes() -> None:
    """Part from the others in good order: who is last would else find its connection closed.

    Waiting also lets gloo's threads drop the tensors of the last exchange, for which they need
    Python's lock: the group's end waits for them, and holds it.
    """
    if processes().num_processes > 1:
        processes().wait_for_everyone()
        processes().destroy_process_group()


class DropoutOfItsOwn(TrainerCallback):
    """Give each process random numbers of its own, or all would draw the same dropout masks."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Seed by the rank; a resumed run then takes its own state from the checkpoint."""
        if args.process_index:
            torch.manual_seed(args.seed + args.process_index)
