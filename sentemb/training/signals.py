"""An interrupted run saves what it has: a first signal ends it after a step, a second at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch
from accelerate.utils import reduce
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.errors import InterruptedRunError
from sentemb.training.processes import processes

CAUGHT = (signal.SIGINT, signal.SIGTERM)


class StopOnSignal(TrainerCallback):
    """End the run after the present step, with a checkpoint, once a signal came.

    The handler sets a number and nothing else: work inside a handler can hang. With several
    processes all end after the same step, whichever of them was told.
    """

    def __init__(self) -> None:
        self.received = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM for a while, in the main thread; elsewhere do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._note) for number in CAUGHT}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Save and stop, where one of the processes was told to."""
        if args.world_size > 1:
            everyones = torch.tensor([float(self.received)], device=processes().device)
            self.received = max(self.received, int(reduce(everyones, "sum").item()))
        if self.received:
            control.should_save = control.should_training_stop = True

    def raise_if_cut_short(self, step: int, steps: int, folder: Path) -> None:
        """Raise where the run has steps left.

        Raises:
            InterruptedRunError: Its exit code is 128 plus the signal's number.
        """
        if self.received and step < steps:
            raise InterruptedRunError(
                f"Interrupted after step {step} of {steps}; its checkpoint is in '{folder}': go on "
                "with --resume.",
                self.received,
            )

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.received:
            os._exit(128 + number)
        self.received = number
