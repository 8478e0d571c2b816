"""What a run tells while it runs: ``metrics.jsonl`` for machines, log lines for people."""

import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sentemb.bars import Progress
from sentemb.errors import NumericError
from sentemb.runs.saved_state import require_number
from sentemb.storage import replaced

logger = logging.getLogger("sentemb")


class MetricsFile(TrainerCallback):
    """Append every logged step to ``metrics.jsonl``.

    A resumed run begins with the lines that its checkpoint holds, whatever became of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Write the lines up to the step the run starts from."""
        if not state.is_world_process_zero:
            return
        lines = [_json_line(line) for line in state.log_history]
        if lines and not self._begins_with(lines):
            logger.warning(
                "'%s' was damaged or incomplete: its lines up to step %d are restored from the "
                "checkpoint.",
                self.path,
                state.global_step,
            )
        with replaced(self.path) as file:
            file.write("".join(lines).encode())

    def _begins_with(self, lines: list[str]) -> bool:
        """Tell whether the file still holds what a run has logged."""
        try:
            content = self.path.read_bytes()
            found = [json.loads(line) for line in content.splitlines()[: len(lines)]]
        except (OSError, ValueError, RecursionError):
            return False
        return found == [json.loads(line) for line in lines]

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Write one line, in one process."""
        if not state.is_world_process_zero:
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_json_line({**(logs or {}), "step": state.global_step}))


def _json_line(content: dict[str, Any]) -> str:
    """Write one line, the step first; JSON knows no NaN, so such a number becomes null."""
    finite = {
        name: None
        if isinstance(content[name], float) and not math.isfinite(content[name])
        else content[name]
        for name in sorted(content, key=lambda name: (name != "step", name))
    }
    return json.dumps(finite, allow_nan=False) + "\n"


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a ``metrics.jsonl``; a last line cut short by a crash is left out."""
    *whole, _cut_short = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in whole]


def require_finite(module: nn.Module) -> None:
    """Raise unless every weight is a number.

    Raises:
        NumericError: When one is not; names its parameter.
    """
    for name, parameter in module.named_parameters():
        if not torch.isfinite(parameter).all():
            raise NumericError(
                f"Weights of {name} are not numbers: lower `learning_rate`, or train with "
                "`precision='fp32'`. No model was written."
            )


class Terms:
    """Named numbers of each batch since the last line of the log.

    Args:
        digits: That a mean is rounded to.
        summed: Names whose sum is logged under that very name, and not the mean as ``loss_<name>``.
    """

    def __init__(self, digits: int, summed: Sequence[str] = ()) -> None:
        self.digits, self.summed = digits, summed
        self.values: dict[str, list[tuple[int, Tensor]]] = {}
        self._step = 0

    def begin(self, step: int) -> None:
        """Say which step the next numbers are of."""
        self._step = step

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """Note the numbers of a batch."""
        for name, value in terms.items():
            self.values.setdefault(name, []).append((self._step, value))

    def forget(self, step: int) -> None:
        """Forget what was noted of a step."""
        kept = {name: [x for x in values if x[0] != step] for name, values in self.values.items()}
        self.values = {name: values for name, values in kept.items() if values}

    def logged(self) -> dict[str, float]:
        """Return the mean of each, or its sum, and begin anew."""
        noted, self.values = self.values, {}
        numbers = {name: torch.stack([x for _, x in values]) for name, values in noted.items()}
        return {
            name if name in self.summed else f"loss_{name}": int(found.sum())
            if name in self.summed
            else round(float(found.mean()), self.digits)
            for name, found in numbers.items()
        }

    def as_json(self) -> dict[str, list[float]]:
        """Return the numbers by name."""
        return {name: [x.item() for _, x in values] for name, values in self.values.items()}

    def take_up(self, saved: Any, device: torch.device) -> None:
        """Go on with what `as_json` returned, or with a list of batches, as it once was saved.

        Raises:
            ValueError: When one is not a number.
        """
        if isinstance(saved, list):
            names = saved[0] if saved else ()
            saved = {name: [batch[name] for batch in saved] for name in names}
        for values in saved.values():
            for value in values:
                require_number({"terms": value}, "terms", least=-math.inf, finite=False)
        self.values = {
            name: [(0, torch.tensor(value, device=device)) for value in values]
            for name, values in saved.items()
        }


class LogLines(TrainerCallback):
    """Log each evaluation; show loss, rate and time left in a bar, or log them every ten seconds.

    Args:
        progress: Of the training.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Start the clock."""
        rows = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        self.progress.total, self.progress.each = state.max_steps, ("rows", rows)
        self.progress.begin(state.global_step)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Show one more step."""
        self.progress.pauses_left = _evaluations_left(args, state)
        self.progress(state.global_step)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Log what a person wants to see.

        Raises:
            NumericError: When an evaluation came out as no number.
        """
        logs = logs or {}
        for name, value in logs.items():
            if name.startswith("eval_") and not math.isfinite(value):
                raise NumericError(
                    f"{name} is {value} at step {state.global_step}, so no checkpoint can be chosen"
                    " by it: lower `learning_rate`, or train with `precision='fp32'`."
                )
        if "loss" in logs:
            self.progress.note = f"loss {logs['loss']:.4g}"
        evaluation = {k.removeprefix("eval_"): v for k, v in logs.items() if k.startswith("eval_")}
        if evaluation:
            shown = "  ".join(f"{name} {value:.4g}" for name, value in evaluation.items())
        elif "loss" in logs and not self.progress.has_bar and self.progress.is_time():
            shown = self.progress.described()
        else:
            return
        logger.info("step %d/%d  %s", state.global_step, state.max_steps, shown)


def _evaluations_left(args: TrainingArguments, state: TrainerState) -> int:
    left = state.max_steps - state.global_step
    if args.eval_strategy == "no":
        return 0
    if args.eval_strategy == "epoch":
        return math.ceil(left * (state.epoch or 0) / state.global_step)
    return math.ceil(left / state.eval_steps)


class EvaluateAtEnd(TrainerCallback):
    """Evaluate and save at the last step, whatever multiple of ``eval_steps`` it is."""

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Ask for both; and for a line of the log before every checkpoint, which holds the log."""
        if state.global_step >= state.max_steps:
            control.should_evaluate = args.eval_strategy != "no"
            control.should_save = True
        control.should_log |= control.should_save
        return control
