"""Options of recipes and of trainings: which there are, and which a view or a loss replaces."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from sentemb.errors import UsageError, nearest

if TYPE_CHECKING:
    from sentemb.losses import Loss

ALSO_CALLED = {"lr": "learning_rate", "rdrop": "r_drop", "num_workers": "workers"}
"""Flags that are not called what their setting is."""
OF_VIEWS = ("alpha", "synonyms", "keep_negations", "repetition", "rate")
OF_LOSS = (
    *("temperature", "hard_negative_weight", "epsilon", "off_diagonal_weight", "angle"),
    *("invariance_weight", "variance_weight", "covariance_weight", "bias"),
    *("background", "close", "text_temperature"),
)
"""Options of recipes that ``view`` and ``loss`` take the place of."""
OF_DATA = ("columns", "classes")
"""Parameters of recipes that are those of the data."""
NOT_VARIED = (
    *("seed", "select", "eval_steps", "save_steps", "workers", "micro_batch", "packed"),
    "compile",
    *("gradient_checkpointing", "on_collapse", "max_bad_steps", "keep_checkpoints", "report_to"),
)
"""Settings that a study has no use for: what they change is time, memory, or what is kept."""


def known_options(options: Mapping[str, Any], known: Sequence[str], what: str) -> dict[str, Any]:
    """Return options under the names of their settings.

    Raises:
        UsageError: When there is no such option; names the nearest.
    """
    given: dict[str, Any] = {}
    for name, value in options.items():
        meant = ALSO_CALLED.get(name, name)
        if meant not in known:
            raise UsageError(
                f"No option '{name}' of {what}; allowed: {', '.join(known)}."
                + nearest(name, list(known))
            )
        if meant in given:
            raise UsageError(f"{meant} is given twice, under two names: give it once.")
        given[meant] = value
    return given


def refuse_replaced(given: Iterable[str], *, view: bool, loss: bool) -> None:
    """Raise where an option of a recipe is given whose part is replaced.

    Raises:
        UsageError: When it would have no effect.
    """
    for name in sorted(given):
        part = "view" if view and name in OF_VIEWS else "loss" if loss and name in OF_LOSS else ""
        if part:
            raise UsageError(
                f"`{name}` has no effect beside `{part}`, which replaces the part that it sets: "
                f"give it to the {part} instead."
            )


def numbers_of(loss: "Loss | None") -> list[str]:
    """Return the numbers that a loss has as options; a sum has none."""
    if not is_dataclass(loss):
        return []
    return [f.name for f in fields(loss) if isinstance(getattr(loss, f.name), int | float)]


def defaults_of(method: str) -> dict[str, Any]:
    """Return the parameters of a recipe, but for the encoder, with their defaults."""
    from sentemb.methods import recipe_named

    parameters = list(inspect.signature(recipe_named(method).build).parameters.values())[1:]
    return {p.name: p.default for p in parameters}
