"""The state in a checkpoint is looked at before it is taken up: it may be damaged or forged."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerState
from transformers.trainer_callback import ExportableState

from sentemb.errors import InputError, SentembError, is_out_of_memory
from sentemb.runs.checkpoint_commit import step_of

STATE = "trainer_state.json"
OPTIMIZER, SCHEDULER = "optimizer.pt", "scheduler.pt"
GIVEN = ("initial_lr", "weight_decay")
"""What a run may have otherwise than its checkpoint."""
FREE = ("lr", *GIVEN)
OF_ADAM = {"step", "exp_avg", "exp_avg_sq"}
LARGEST = 2**53
COUNTS = ("total_flos", "num_input_tokens_seen", "max_steps", "num_train_epochs")


@contextmanager
def taken_up(path: Path) -> Iterator[None]:
    """Translate whatever a damaged or forged file of a checkpoint raises.

    Raises:
        InputError: Names the file.
    """
    try:
        yield
    except SentembError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise InputError(
            f"'{path}' cannot be resumed from: {_reason(error)}. Remove this checkpoint to resume "
            "from the one before, or start afresh (`overwrite=True`)."
        ) from error


def _reason(error: Exception) -> str:
    """Say in a line what was wrong; torch's own advice, to load it unsafely, is left out."""
    if not isinstance(error, ValueError | KeyError | TypeError):
        return "it is damaged, or not a file that sentemb wrote"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def check_trainer_state(checkpoint: Path) -> None:
    """Raise unless the state of transformers' Trainer belongs to this step.

    Raises:
        InputError: Names the file.
    """
    with taken_up(checkpoint / STATE):
        content = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        known = {field.name for field in fields(TrainerState)}
        if not isinstance(content, dict) or content.keys() - known:
            raise ValueError("it is not a state of a trainer")
        step = step_of(checkpoint)
        if content["global_step"] != step:
            raise ValueError(f"global_step is {content['global_step']!r}, not {step}")
        for name in COUNTS:
            require_number(content, name)
        require_number(content, "epoch", most=LARGEST)
        for name in ("best_metric", "best_global_step"):
            if content.get(name) is not None:
                require_number(content, name, least=-math.inf)
        for line in content["log_history"]:
            require_number(line, "step", most=step or 0)
            for name in line:
                require_number(line, name, least=-math.inf, finite=False)


def check_callbacks(checkpoint: Path, state: TrainerState, callbacks: Sequence[Any]) -> None:
    """Raise unless the saved states of callbacks are built as those of this run.

    Raises:
        InputError: Names the file.
    """
    with taken_up(checkpoint / STATE):
        saved: Any = state.stateful_callbacks
        for callback in callbacks:
            if isinstance(callback, ExportableState):
                name = type(callback).__name__
                _require_like(saved[name], callback.state(), name)


def require_number(
    content: Mapping[str, Any],
    name: str,
    least: float = 0,
    most: float = math.inf,
    *,
    finite: bool = True,
) -> None:
    """Raise unless a number is there, and in its range.

    Raises:
        ValueError: When it is not.
    """
    value = content[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and not math.isfinite(value) and not finite:
        return
    if not number or not math.isfinite(value) or not least <= value <= most:
        raise ValueError(f"{name} is {str(value)[:40]!r}")


def check_optimizer(checkpoint: Path, optimizer: Any) -> None:
    """Raise unless the state of the optimizer fits this one.

    Raises:
        InputError: Names the file.
    """
    with taken_up(checkpoint / OPTIMIZER):
        saved = torch.load(checkpoint / OPTIMIZER, map_location="cpu", weights_only=True)
        groups = optimizer.param_groups
        if len(saved["param_groups"]) != len(groups):
            raise ValueError(f"it has {len(saved['param_groups'])} groups, not {len(groups)}")
        own = optimizer.state_dict()["param_groups"]
        for was, now in zip(saved["param_groups"], own, strict=True):
            _require_like(
                {name: value for name, value in was.items() if name not in FREE},
                {name: value for name, value in now.items() if name not in FREE},
                equal=True,
            )
            for name in FREE:
                require_number(was, name, most=LARGEST)
        parameters = [p for group in groups for p in group["params"]]
        numbers = [number for group in own for number in group["params"]]
        shapes = {n: p.shape for n, p in zip(numbers, parameters, strict=True)}
        is_adam = isinstance(getattr(optimizer, "optimizer", optimizer), torch.optim.Adam)
        for number, state in saved["state"].items():
            if is_adam:
                _check_moments(state, shapes[number])
            elif not isinstance(state, dict) or number not in shapes:
                raise ValueError(f"it holds {str(state)[:40]!r}")


def _check_moments(state: Mapping[str, Any], shape: torch.Size) -> None:
    if state.keys() != OF_ADAM:
        raise ValueError(f"it holds {', '.join(map(str, state))}")
    step = state["step"]
    require_number({"step": step.item() if isinstance(step, Tensor) else step}, "step")
    for name in ("exp_avg", "exp_avg_sq"):
        if state[name].shape != shape or not state[name].is_floating_point():
            raise ValueError(f"{name} has shape {list(state[name].shape)}, not {list(shape)}")


def check_scheduler(checkpoint: Path, scheduler: Any) -> None:
    """Raise unless the state of the schedule is built as this one's.

    Raises:
        InputError: Names the file.
    """
    with taken_up(checkpoint / SCHEDULER):
        saved = torch.load(checkpoint / SCHEDULER, map_location="cpu", weights_only=True)
        _require_like(saved, scheduler.state_dict())


def _require_like(saved: Any, own: Any, name: str = "it", *, equal: bool = False) -> None:
    """Raise unless two things have the same keys, lengths and kinds of values."""
    if isinstance(own, Mapping):
        if not isinstance(saved, Mapping) or saved.keys() != own.keys():
            raise ValueError(f"{name} has other entries than this run")
        for key in own:
            _require_like(saved[key], own[key], str(key), equal=equal)
    elif isinstance(own, list | tuple):
        if not isinstance(saved, list | tuple) or len(saved) != len(own):
            raise ValueError(f"{name} has another length than in this run")
        for one, other in zip(saved, own, strict=True):
            _require_like(one, other, name, equal=equal)
    elif isinstance(own, bool) or own is None or equal:
        if not (isinstance(saved, type(own)) and (saved == own or not equal)):
            raise ValueError(f"{name} is {str(saved)[:40]!r}")
    else:
        require_number({name: saved}, name, most=LARGEST)
