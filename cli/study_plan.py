"""From the words of a ``study`` command to what is run: jobs, losses and values."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sentemb.errors import UsageError

from .commands.study import TEMPERATURES
from .jobs import Job, job_from, parse_seeds
from .varied import Option, Value, find_option, read_values


@dataclass(frozen=True)
class Study:
    """A study, before anything is read or loaded.

    Args:
        job: The recipe that is trained.
        option: What is varied.
        values: Of the option.
        losses: In place of the recipe's own; empty for that.
        seeds: A run for each.
        labels: A file of labelled sentences; None for the bundled ones.
        output: Folder of the runs.
        overwrite: Whether runs of another study make way.
    """

    job: Job
    option: Option
    values: Sequence[Value]
    losses: Sequence[str]
    seeds: Sequence[int]
    labels: str | None
    output: Path
    overwrite: bool

    @classmethod
    def of(
        cls,
        option: str,
        values: str | None,
        losses: Sequence[str],
        seeds: str,
        train: dict[str, Any],
        **given: Any,
    ) -> Self:
        """Read the words of the command.

        Raises:
            UsageError: When the option cannot be varied so.
        """
        job = job_from(train, given["output"])
        losses = losses or _default_losses(option, job)
        found = find_option(option, job, losses)
        return cls(
            job=job,
            option=found,
            values=read_values(found, values or _default_values(found)),
            losses=losses,
            seeds=parse_seeds(seeds),
            **given,
        )


def _default_losses(option: str, job: Job) -> list[str]:
    """Return those of Wang and Liu's figures, where their temperature is what is studied."""
    if (option, job.method) != ("temperature", "simcse-unsup"):
        return []
    alike = 1 / (job.settings.batch_size - 1)  # positives and negatives weigh the same
    return ["infonce", "hard-contrastive", f"simple-contrastive:{alike:.4g}"]


def _default_values(option: Option) -> str:
    if option.name != "temperature":
        raise UsageError(f"Which values of {option.flag}? Give them as --values A,B,C.")
    return TEMPERATURES
