"""From the words of an ``evaluate`` command to models; the seeds of a run are one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sentemb.errors import UsageError

SEED = re.compile(r"seed-(\d+)")


@dataclass(frozen=True)
class Model:
    """A model, or several seeds of one.

    Args:
        name: As shown.
        places: A bundled encoder, folder or hub id for each seed.
    """

    name: str
    places: Sequence[str]


def models_of(words: Sequence[str]) -> list[Model]:
    """Return the models in the order named.

    A folder that holds ``seed-0``, ``seed-1``, …, as ``sentemb train --seeds`` writes them, stands
    for those; two or more such folders of one run, as a shell finds ``runs/x/seed-*``, for it.

    Raises:
        UsageError: When a model is named twice.
    """
    places = [place for word in words for place in _seeds_in(word)]
    if twice := [place for place in places if places.count(place) > 1]:
        raise UsageError(f"'{twice[0]}' is named twice: name each model once.")
    groups: dict[str, list[str]] = {}
    for place in places:
        is_seed = SEED.fullmatch(Path(place).name) and Path(place).is_dir()
        groups.setdefault(str(Path(place).parent) if is_seed else place, []).append(place)
    return [
        Model(name, group) if len(group) > 1 else Model(group[0], group)
        for name, group in groups.items()
    ]


def _seeds_in(word: str) -> list[str]:
    folder = Path(word)
    if not folder.is_dir() or any((folder / f).exists() for f in ("modules.json", "config.json")):
        return [word.rstrip("/") if len(word) > 1 else word]
    found = {path: SEED.fullmatch(path.name) for path in folder.iterdir() if path.is_dir()}
    seeds = sorted((int(match[1]), str(path)) for path, match in found.items() if match)
    return [path for _, path in seeds] or [word]
