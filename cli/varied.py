"""One option of a recipe, and the jobs that differ in it alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from sentemb.errors import UsageError, nearest
from sentemb.training.settings import Settings

from . import source
from .jobs import Job
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

    def given_to(self, job: Job, value: Value) -> Job:
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


def find_option(flag: str, job: Job, losses: Sequence[str]) -> Option:
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


def _of_recipe(job: Job) -> list[Option]:
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
