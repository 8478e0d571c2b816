"""What the loop does for twins that have a state; a twin of one's own need not have one."""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.errors import OutOfMemoryError, UsageError
from sentemb.losses.combine import warnings_of
from sentemb.method import Method
from sentemb.twins import EncoderTwin, Momentum, QueuedSiamese, WithQueue
from sentemb.views import Adversarial

logger = logging.getLogger("sentemb")


def after_batch(method: Method) -> None:
    """Tell the twin that the loss of a batch is known."""
    if isinstance(method.twin, EncoderTwin):
        method.twin.after_batch()


def queue_of(method: Method) -> list[Tensor]:
    """Return copies of all that the queue holds; empty where there is none."""
    queue = method.twin.queue if isinstance(method.twin, WithQueue) else None
    return [] if queue is None else [buffer.clone() for buffer in queue.buffers()]


def put_queue_back(method: Method, kept: Sequence[Tensor]) -> None:
    """Put into the queue what `queue_of` returned."""
    if isinstance(method.twin, WithQueue) and method.twin.queue is not None:
        for buffer, was in zip(method.twin.queue.buffers(), kept, strict=True):
            buffer.copy_(was)


@contextmanager
def queue_filled(method: Method) -> Iterator[bool]:
    """Put the last batch into the queue for a while; say whether there is a queue."""
    before = queue_of(method)
    if not before:
        yield False
        return
    after_batch(method)
    try:
        yield True
    finally:
        put_queue_back(method, before)


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
    if isinstance(method.twin, Momentum | QueuedSiamese) and "negatives" in method.unread:
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


def halve_micro_batch(method: Method, batch: int) -> int:
    """Have the encoder take half as many rows at once, and return how many.

    Raises:
        UsageError: When this twin, or one of the views, needs the whole batch.
        OutOfMemoryError: When it is one row already.
    """
    rows = int(getattr(method.twin, "micro_batch", 0)) or batch
    if rows == 1:
        raise OutOfMemoryError("not even one row at a time fits.")
    set_micro_batch(method, math.ceil(rows / 2))
    return math.ceil(rows / 2)


def may_leave_parameters_out(method: Method) -> bool:
    """Say whether some parameters may get no gradient, which has to be looked for each time."""
    return not isinstance(method.twin, EncoderTwin) or method.twin.has_logits


def check_batch(method: Method, rows: int) -> None:
    """Raise where a batch of so many rows, of all processes, does not fit the twin.

    Options of the loss that choose nothing among the negatives of such a batch are warned about.
    """
    if isinstance(method.twin, EncoderTwin):
        method.twin.check_batch(rows)
        for warning in warnings_of(method.loss, most_negatives(method, rows)):
            logger.warning("%s", warning)


def most_negatives(method: Method, rows: int) -> int:
    """Return how many negatives a row of a batch may have in one direction, queue included."""
    twin = method.twin
    queue = twin.queue if isinstance(twin, Momentum | QueuedSiamese) else None
    queued = 0 if queue is None else len(queue.texts)
    if isinstance(twin, Momentum) and queued:
        return queued
    return rows - 1 + (rows if len(method.views) == 3 else 0) + queued


class AfterStep(TrainerCallback):
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
        if isinstance(self.method.twin, EncoderTwin) and not self.was_skipped():
            self.method.twin.after_step(state.global_step / state.max_steps)
