"""`Threshold`: a cosine with what is guaranteed of it, as a small file that commands take."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from sentemb.errors import InputError, UsageError
from sentemb.storage import write_json
from sentemb.values import is_number
from sentemb.versions import versions

SCHEMA = "sentemb.calibrate/1"
Rate = Literal["fpr", "fdr"]
Bound = Literal["clopper-pearson", "conformal"]
OF = {"fpr": "of different pairs are", "fdr": "are different of the pairs that are"}


@dataclass(frozen=True, repr=False)
class Threshold:
    """A cosine from which on two texts count as the same, and how often that is wrong at most.

    Args:
        value: The cosine.
        rate: ``fpr``, the share of different pairs that reach the threshold; or ``fdr``, the share
            of different pairs among those that reach it.
        at_most: The rate that was asked for.
        bound: The upper bound on the rate at this threshold.
        confidence: Probability that the bound holds; None where it holds on average.
        method: ``clopper-pearson`` or ``conformal``.
        errors: Different pairs that reach the threshold.
        pairs: Pairs that the rate is measured on.
        found: Share of the same pairs that reach the threshold; None for random pairs.
        model: Whose cosines they are.
        data: Where the pairs are from.
    """

    value: float
    rate: Rate
    at_most: float
    bound: float
    confidence: float | None
    method: Bound
    errors: int
    pairs: int
    found: float | None
    model: str
    data: str

    def __repr__(self) -> str:
        """Return the threshold, and what is guaranteed of it."""
        sure = "on average" if self.confidence is None else f"with {self.confidence:.0%} confidence"
        found = "" if self.found is None else f"; {self.found:.1%} of the same pairs reach it"
        return (
            f"cosine {self.value:.4f}: at most {self.bound:.3%} {OF[self.rate]} at or above it, "
            f"{sure} ({self.method}; {self.errors:,} of {self.pairs:,} pairs of {self.data})"
            f"{found}. Model: {self.model}"
        )

    @property
    def of_random_pairs(self) -> bool:
        """Whether the rate is of random pairs, not of labelled ones."""
        return self.found is None

    def to_json(self) -> str:
        """Return what `save` writes."""
        return json.dumps(self.record())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the threshold to a JSON file, whole or not at all."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_json(Path(path), self.record())
        return Path(path)

    def record(self) -> dict[str, object]:
        """Return everything, as JSON has it."""
        return {"schema": SCHEMA, "versions": versions(), **asdict(self)}


def read_threshold(path: str | os.PathLike[str]) -> Threshold:
    """Read a file that `calibrate` wrote.

    Raises:
        InputError: When there is no such file, or it is another.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        known = {name: content[name] for name in Threshold.__dataclass_fields__}
        is_one = content["schema"] == SCHEMA and -1 <= known["value"] <= 1.01
    except FileNotFoundError as error:
        raise InputError(f"No file '{path}': sentemb calibrate writes one.") from error
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise InputError(
            f"'{path}' is not a file that sentemb calibrate wrote: {error}."
        ) from error
    if not is_one:
        raise InputError(f"'{path}' holds no threshold that sentemb calibrate wrote.")
    return Threshold(**known)


Given = float | str | os.PathLike[str] | Threshold
"""A cosine, also as text; a file that `calibrate` wrote, or what it returned."""


def parsed(given: Given, name: str = "threshold") -> float | Threshold:
    """Return a cosine as a number, and a file as the threshold that it holds.

    Args:
        given: What a task was given.
        name: Of the parameter.

    Raises:
        UsageError: When a number is outside of -1 to 1.
        InputError: As `read_threshold`.
    """
    if isinstance(given, str | os.PathLike):
        number = _as_number(given)
        given = read_threshold(given) if number is None else number
    if not isinstance(given, Threshold) and not (is_number(given) and -1 <= given <= 1):
        raise UsageError(f"{name} must be a cosine from -1 to 1, got {given!r}.")
    return given


def as_threshold(given: Given, model: str, name: str = "threshold") -> float | Threshold:
    """Return what `parsed` does, where it is for the cosines of a model.

    Raises:
        UsageError: When the threshold is another model's.
    """
    known = parsed(given, name)
    if isinstance(known, Threshold) and known.model != model:
        raise UsageError(
            f"The threshold is for cosines of model '{known.model}', and the vectors are those of "
            f"'{model}': calibrate this model, or give a number."
        )
    return known


def cosine_of(given: Given, model: str, name: str = "threshold") -> float:
    """Return the cosine of what `as_threshold` takes; errors are those."""
    known = as_threshold(given, model, name)
    return known.value if isinstance(known, Threshold) else known


def _as_number(word: str | os.PathLike[str]) -> float | None:
    try:
        return float(os.fspath(word))
    except ValueError:
        return None
