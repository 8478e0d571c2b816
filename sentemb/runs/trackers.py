"""Trackers: what a run logs goes to them as well, by the callbacks of transformers."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.errors import UsageError
from sentemb.runs.checkpoint_commit import OF_A_RUN
from sentemb.storage import claim
from sentemb.types import Tracker
from sentemb.values import require_kind

if TYPE_CHECKING:
    from transformers import Trainer

NONE = "none"
IN_THE_RUN = ("tensorboard", "wandb")
"""Trackers that write into a folder of their name in the folder of the run."""
PROJECT = "sentemb"
CALLBACKS = ("TensorBoardCallback", "TrackioCallback", "WandbCallback")


def require_tracker(name: str) -> None:
    """Raise unless a tracker is known and installed; imports nothing.

    Raises:
        UsageError: When it is not; names those that there are, or the command that installs it.
    """
    require_kind("report_to", name, Tracker)
    if name != NONE and not find_spec(name):
        raise UsageError(f"`report_to={name}` needs {name}: pip install {name}.")


def tracking(report_to: str, folder: Path) -> dict[str, Any]:
    """Return what `transformers.TrainingArguments` takes for a tracker.

    Args:
        report_to: The tracker, or ``none``.
        folder: Of the run, whose name the tracker shows.

    Raises:
        UsageError: When it is not installed.
    """
    require_tracker(report_to)
    if report_to == NONE:
        return {"report_to": NONE}
    return {"report_to": report_to, "run_name": folder.name, "project": PROJECT}


def prepare_tracker(callbacks: Sequence[Any], report_to: Sequence[str], folder: Path) -> None:
    """List the folder that a tracker makes among those of the run, and have it written there.

    Variables of the tracker's own go before, as ``WANDB_PROJECT`` and ``TENSORBOARD_LOGGING_DIR``.

    Args:
        callbacks: Of the trainer.
        report_to: The trackers.
        folder: Of the run, which exists.
    """
    claim(folder, [f"{name}/" for name in report_to if name in IN_THE_RUN], OF_A_RUN)
    if "wandb" in report_to:
        os.environ.setdefault("WANDB_PROJECT", PROJECT)
        os.environ["WANDB_DIR"] = str(folder)
    for callback in callbacks:
        if type(callback).__name__ == "TensorBoardCallback" and callback.logging_dir is None:
            callback.logging_dir = str(folder / "tensorboard")


@contextmanager
def ended(trainer: "Trainer") -> Iterator[None]:
    """End what trackers follow with the training, so that the next training is followed apart.

    What is evaluated afterwards is not a step of the run, and goes to no tracker.
    """
    wandb = import_module("wandb") if "wandb" in (trainer.args.report_to or ()) else None
    began_before = wandb is not None and wandb.run is not None
    try:
        yield
    finally:
        for callback in list(trainer.callback_handler.callbacks):
            if type(callback).__name__ in CALLBACKS:
                trainer.remove_callback(callback)
        if wandb is not None and not began_before:
            wandb.finish()
