"""What the loop does for twins that have a state; a twin of one's own need not have one."""

from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.errors import UsageError
from sentemb.method import Method
from sentemb.twins import EncoderTwin


def after_batch(method: Method) -> None:
    """Tell the twin that the loss of a batch is known."""
    if isinstance(method.twin, EncoderTwin):
        method.twin.after_batch()


def constant_rate(method: Method) -> list[nn.Parameter]:
    """Return the parameters whose learning rate does not decay."""
    return method.twin.constant_rate() if isinstance(method.twin, EncoderTwin) else []


def set_micro_batch(method: Method, rows: int) -> None:
    """Have the encoder take so many rows at once; 0 for all.

    Raises:
        UsageError: When this twin, or one of the views, needs the whole batch.
    """
    if isinstance(method.twin, EncoderTwin):
        method.twin.micro_batch = rows
    elif rows:
        raise UsageError(
            f"{type(method.twin).__name__} does not embed in micro-batches: derive it from "
            "sentemb.twins.EncoderTwin and call self.embed, or leave micro_batch at 0."
        )


def check_batch(method: Method, rows: int) -> None:
    """Raise where a batch of so many rows, of all processes, does not fit the twin."""
    if isinstance(method.twin, EncoderTwin):
        method.twin.check_batch(rows)


class AfterStep(TrainerCallback):
    """Tell the twin that a step was taken: before anything is evaluated or saved."""

    def __init__(self, method: Method) -> None:
        self.method = method

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Pass on how far the run is."""
        if isinstance(self.method.twin, EncoderTwin):
            self.method.twin.after_step(state.global_step / state.max_steps)
