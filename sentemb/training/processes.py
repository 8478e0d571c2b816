"""Several processes of one run, as ``torchrun`` and ``accelerate launch`` start them."""

import torch
from accelerate import PartialState
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


def processes() -> PartialState:
    """Return which process this is, and of how many; the first call meets the others."""
    return PartialState(cpu=not torch.cuda.is_available())


class DropoutOfItsOwn(TrainerCallback):
    """Give each process random numbers of its own, or all would draw the same dropout masks."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Seed by the rank; a resumed run then takes its own state from the checkpoint."""
        if args.process_index:
            torch.manual_seed(args.seed + args.process_index)
