"""The options of a recipe that a study or a sweep varies, and the jobs that differ in them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from sentemb.errors import UsageError, nearest
from sentemb.experiments.runner import Point
from sentemb.training.settings import Settings

from . import source
from .commands.study import TEMPERATURES
from .jobs import TrainJob
from .source import parameters_of
from .spec import LOSSES, check_loss, options_of

OF_SETTINGS = (
    *("batch_size", "learning_rate", "epochs", "max_steps", "max_length", "accumulation"),
    *("warmup", "weight_decay", "max_grad_norm", "precision", "mask_identical"),
)
OF_JOB = {
    "pooling": Literal[source.choices("sentemb.encoders.poolings", "PoolingName")],
    "mask_above": float,
}
Value = float | int | str | bool


@dataclass(frozen=True)
class Option:
    """An option that can be varied.

    Args:
        name: As the parameter is called.
        kind: The type of its values.
        of: Whose it is: ``settings``, ``job``, ``method`` or ``loss``.
    """

    name: str
    kind: Any
    of: str

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return self.name.replace("_", "-")

    def read(self, written: str) -> Value:
        """Read one value.

        Raises:
            UsageError: When it is none of this option's.
        """
        if get_origin(self.kind) is Literal or self.kind is bool:
            allowed = get_args(self.kind) or ("yes", "no")
            if written not in allowed:
                raise UsageError(
                    f"{self.flag} takes one of {', '.join(allowed)}; got '{written}'."
                    + nearest(written, list(allowed))
                )
            return written == "yes" if self.kind is bool else written
        try:
            value: int | float = self.kind(written)
        except ValueError:
            words = "whole numbers" if self.kind is int else "numbers"
            raise UsageError(f"{self.flag} takes {words}; got '{written}'.") from None
        return value

    def given_to(self, job: TrainJob, value: Value) -> TrainJob:
        """Return a job with this value.

        Raises:
            UsageError: When the option does not allow it, or the loss has it already.
        """
        changed: dict[str, Any] = {self.name: value}
        if self.of == "settings":
            return replace(job, settings=replace(job.settings, **changed))
        if self.of == "job":
            return replace(job, **changed)
        if self.of == "method":
            return replace(job, method_options=job.method_options | changed)
        between = "," if ":" in (job.loss or "") else ":"
        return replace(job, loss=f"{job.loss}{between}{self.flag}={value}")


Space = Mapping[str, tuple[Option, Sequence[Value]]]
"""Options by name, with their values: two ends of a range (a tuple) or choices (a list)."""


def find_option(flag: str, job: TrainJob, losses: Sequence[str]) -> Option:
    """Return the option of that name: of the losses where they are named, or of the recipe.

    Raises:
        UsageError: When there is none, or it cannot be varied; names those that can.
    """
    left = replace(job, loss=losses[0] if losses else None).without_replaced()
    allowed = {option.flag: option for option in [*_of_train(), *_of_recipe(left)]}
    for words in losses:
        allowed |= {option.flag: option for option in _of_loss(words)}
    wanted = flag.removeprefix("--").replace("_", "-")
    if wanted not in allowed:
        raise UsageError(
            f"'{flag}' is no option with numbers or choices; allowed: {', '.join(allowed)}."
            + nearest(wanted, list(allowed))
        )
    return allowed[wanted]


def belongs_to(option: Option, loss: str | None) -> bool:
    """Tell whether runs with this loss depend on the option."""
    return option.of != "loss" or option.name in {own.name for own in _of_loss(loss or "")}


def read_values(option: Option, written: str) -> list[Value]:
    """Read ``0.05,0.1,0.2``.

    Raises:
        UsageError: When one is none of the option's, or comes twice.
    """
    values = [option.read(word.strip()) for word in written.split(",")]
    if len(set(values)) < len(values):
        raise UsageError(f"--values: one of '{written}' comes twice.")
    return values


def _of_train() -> list[Option]:
    hints = get_type_hints(Settings)
    settings = [Option(name, _without_none(hints[name]), "settings") for name in OF_SETTINGS]
    return [*settings, *(Option(name, kind, "job") for name, kind in OF_JOB.items())]


def _of_recipe(job: TrainJob) -> list[Option]:
    return [
        Option(p.name, p.annotation, "method")
        for p in parameters_of(job.method)
        if p.name in job.method_options
    ]


def _of_loss(words: str) -> list[Option]:
    """Return the numbers that the words of a loss can set; a sum has none of its own."""
    name = words.partition(":")[0].strip()
    if name not in LOSSES:
        check_loss(words) if words else None
        return []
    parameters = options_of("sentemb.losses", LOSSES[name])
    numbers = [p for p in parameters if isinstance(p.default, int | float)]
    return [Option(p.name, type(p.default), "loss") for p in numbers]


def _without_none(kind: Any) -> Any:
    kinds = [one for one in get_args(kind) if one is not type(None)]
    return kind if get_origin(kind) is Literal or not kinds else kinds[0]


def space_of(search: Sequence[str], job: TrainJob) -> Space:
    """Read the words of ``--search``.

    Raises:
        UsageError: When an option is unknown or given twice, or its values are none.
    """
    space: dict[str, tuple[Option, Sequence[Value]]] = {}
    for words in search:
        flag, equals, written = words.partition("=")
        if not (equals and written):
            raise UsageError(f"--search takes OPTION=LOW..HIGH or OPTION=A,B,C; got '{words}'.")
        option = find_option(flag.strip(), job, [job.loss] if job.loss else [])
        if option.name in space:
            raise UsageError(f"--search: {option.flag} is given twice.")
        low, dots, high = written.partition("..")
        if not dots:
            space[option.name] = option, read_values(option, written)
            continue
        ends = option.read(low), option.read(high)
        if option.kind not in (int, float) or not float(ends[0]) < float(ends[1]):
            raise UsageError(
                f"--search: a range needs two numbers, the lower first; got '{words}'."
            )
        space[option.name] = option, ends
    return space


def points_of(
    job: TrainJob,
    option: Option,
    values: Sequence[Value],
    losses: Sequence[str],
    seeds: Sequence[int],
) -> list[Point]:
    """Return every run: losses, values, seeds, the last the fastest."""
    points: list[Point] = []
    either: Sequence[str | None] = losses or [None]
    for loss in either:
        base = replace(job, loss=loss).without_replaced()
        for value in values if belongs_to(option, loss) else [None]:
            varied = base if value is None else option.given_to(base, value)
            for seed in seeds:
                labels = {"loss": loss or job.method, "value": value, "seed": seed}
                words = "-".join(str(v) for v in labels.values() if v is not None)
                name = f"{len(points) + 1:03d}-{re.sub('[^A-Za-z0-9.]+', '-', words)}"
                points.append(Point(name, labels, varied.with_seed(seed)))
    return points


def default_losses(option: str, job: TrainJob) -> list[str]:
    """Return those of Wang and Liu's figures, where their temperature is what is studied."""
    if (option, job.method) != ("temperature", "simcse-unsup"):
        return []
    alike = 1 / (job.settings.batch_size - 1)  # positives and negatives weigh the same
    return ["infonce", "hard-contrastive", f"simple-contrastive:{alike:.4g}"]


def default_values(option: Option) -> str:
    """Return the values of a temperature, in words.

    Raises:
        UsageError: When the option is another: it has no values of its own.
    """
    if option.name != "temperature":
        raise UsageError(f"Which values of {option.flag}? Give them as --values A,B,C.")
    return TEMPERATURES


def given_all(job: TrainJob, space: Space, values: Mapping[str, Value]) -> TrainJob:
    """Return the job of a trial."""
    for name, (option, _) in space.items():
        job = option.given_to(job, values[name])
    return job


def typed(job: TrainJob, space: Space, values: Mapping[str, Value]) -> list[str]:
    """Return the options of ``sentemb train`` that a trial was."""
    words = []
    for name, (option, _) in space.items():
        value = values[name]
        if isinstance(value, bool):
            words.append(f"--{option.flag}" if value else f"--no-{option.flag}")
        elif option.of != "loss":
            words += [f"--{option.flag}", str(value)]
    return words + (["--loss", job.loss] if job.loss else [])
