"""What the loop does for twins that have a state; a twin of one's own need not have one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.errors import UsageError
from sentemb.method import Method
from sentemb.twins import EncoderTwin, Momentum, QueuedSiamese, WithQueue
from sentemb.views import Adversarial


def after_batch(method: Method) -> None:
    """Tell the twin that the loss of a batch is known."""
    if isinstance(method.twin, EncoderTwin):
        method.twin.after_batch()


@contextmanager
def queue_filled(method: Method) -> Iterator[bool]:
    """Put the last batch into the queue for a while; say whether there is a queue."""
    queue = method.twin.queue if isinstance(method.twin, WithQueue) else None
    if queue is None:
        yield False
        return
    before = [buffer.clone() for buffer in queue.buffers()]
    after_batch(method)
    try:
        yield True
    finally:
        for buffer, kept in zip(queue.buffers(), before, strict=True):
            buffer.copy_(kept)


@contextmanager
def queue_hidden(method: Method) -> Iterator[None]:
    """Do without the queue for a while."""
    twin = method.twin
    if not isinstance(twin, WithQueue) or twin.queue is None:
        yield
        return
    queue, twin.queue = twin.queue, None
    try:
        yield
    finally:
        twin.queue = queue


def need_a_reader_of_the_queue(method: Method) -> None:
    """Raise where the twin has a queue of negatives, and the loss contrasts nothing.

    Raises:
        UsageError: When that is so.
    """
    if isinstance(method.twin, Momentum | QueuedSiamese) and not method.contrasts:
        raise UsageError(
            "This loss contrasts nothing, so the queue has no effect: use a loss with negatives, "
            "as infonce, or a method without a queue, as byol."
        )


def constant_rate(method: Method) -> list[nn.Parameter]:
    """Return the parameters whose learning rate does not decay."""
    return method.twin.constant_rate() if isinstance(method.twin, EncoderTwin) else []


def set_micro_batch(method: Method, rows: int) -> None:
    """Have the encoder take so many rows at once; 0 for all.

    Raises:
        UsageError: When this twin, or one of the views, needs the whole batch.
    """
    if rows and any(isinstance(view.perturb, Adversarial) for view in method.views):
        raise UsageError(
            "An adversarial view is found with the whole batch at once: leave --micro-batch out, "
            "or take another view."
        )
    if isinstance(method.twin, EncoderTwin):
        method.twin.micro_batch = rows
    elif rows:
        raise UsageError(
            f"{type(method.twin).__name__} does not embed in micro-batches: derive it from "
            "sentemb.twins.EncoderTwin and call self.embed, or leave micro_batch at 0."
        )


def may_leave_parameters_out(method: Method) -> bool:
    """Say whether some parameters may get no gradient, which has to be looked for each time."""
    return not isinstance(method.twin, EncoderTwin) or method.twin.has_logits


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
