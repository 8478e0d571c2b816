"""From typed options to the settings and seeds of runs."""

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sentemb.errors import UsageError
from sentemb.training.settings import Settings

if TYPE_CHECKING:
    from sentemb.methods import Recipe

MOST_SEEDS = 10_000


def settings_from(recipe: "Recipe", options: dict[str, Any]) -> Settings:
    """Take what was typed, and the recipe's own value for what was not."""
    names = {field.name for field in fields(Settings)}
    values = {name: getattr(recipe, name) for name in names if hasattr(recipe, name)}
    typed = {name: v for name, v in options.items() if name in names and v is not None}
    return Settings(**values | typed)


def parse_seeds(text: str) -> list[int]:
    """Read ``0-4`` or ``1,7,42``.

    Raises:
        UsageError: When it is neither.
    """
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"([0-9]{1,10})(?:-([0-9]{1,10}))?", part.strip())
        first, last = found.groups() if found else ("", None)
        if not first or int(last or first) >= 2**32:
            raise UsageError(f"--seeds takes 0-4 or 1,7,42, each below 2^32; got '{text}'.")
        if int(last or first) - int(first) >= MOST_SEEDS:
            raise UsageError(f"--seeds takes at most {MOST_SEEDS:,} seeds, got '{text}'.")
        seeds += range(int(first), int(last or first) + 1)
    if not seeds or len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds needs seeds that differ, the first of a range first: '{text}'.")
    return seeds


def parse_dims(text: str | None) -> tuple[int, ...]:
    """Read ``128,64,32``.

    Raises:
        UsageError: When it is no list of whole numbers.
    """
    parts = text.split(",") if text is not None else []
    if not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--matryoshka takes lengths as 128,64,32; got '{text}'.")
    return tuple(map(int, parts))


def parse_prompts(typed: list[str]) -> dict[str, str]:
    """Read ``anchor=query: ``, once for each column.

    Raises:
        UsageError: When one names no column, or one column is named twice.
    """
    prompts: dict[str, str] = {}
    for text in typed:
        column, equals, prompt = text.partition("=")
        if not (column and equals):
            raise UsageError(f"--prompt takes COLUMN=TEXT, as anchor='query: '; got '{text}'.")
        if column in prompts:
            raise UsageError(f"--prompt {column} is given twice: give it once.")
        prompts[column] = prompt
    return prompts
