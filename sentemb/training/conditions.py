"""What a run that goes on must not change: options, data, model."""

import hashlib
import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import nn

from sentemb.errors import UsageError, nearest
from sentemb.evaluation import STS
from sentemb.method import Method
from sentemb.training.arguments import resolve_precision
from sentemb.training.commit import read_commit
from sentemb.training.processes import processes
from sentemb.training.settings import Settings
from sentemb.versions import versions

logger = logging.getLogger("sentemb")

WITHOUT_EFFECT = {
    *("workers", "save_steps", "on_collapse", "max_bad_steps"),
    *("epochs", "max_steps"),  # both are told by the number of steps
}
"""Settings that cannot change the model."""


def conditions_of(
    method: Method, data: Dataset, settings: Settings, steps: int, dev: STS | None
) -> dict[str, Any]:
    """Return everything that the model depends on, in words and numbers, by name."""
    compared = {k: v for k, v in asdict(settings).items() if k not in WITHOUT_EFFECT}
    if settings.select == "last":  # evaluation changes nothing then
        del compared["eval_steps"]
    elif settings.select == "spearman" and dev is not None:
        rows = zip(dev.sentences1, dev.sentences2, dev.scores, strict=True)
        compared["dev"] = described(len(dev.scores), (repr(row) for row in rows))
    return {
        **compared,
        "steps": steps,
        "precision": resolve_precision(settings.precision),
        "processes": processes().num_processes,
        "views": "; ".join(_words(view) for view in method.views),
        "twin": _twin(method.twin),
        "loss": _words(method.loss),
        "model": weights(method.encoder[0]),
        "data": described_rows(data),
    }


def described_rows(rows: Dataset) -> str:
    """Describe rows by their number, columns and a hash."""
    columns = sorted(rows.column_names)
    parts = (rows[start : start + 10_000] for start in range(0, len(rows), 10_000))
    values = (repr(value) for part in parts for column in columns for value in part[column])
    return f"{','.join(columns)}: {described(len(rows), values)}"


def described(count: int, values: Iterable[str]) -> str:
    """Describe values by their number and a hash."""
    digest = hashlib.sha256()
    for value in values:
        digest.update(value.encode("utf-8", "backslashreplace") + b"\n")
    return f"{count:,} rows, sha256 {digest.hexdigest()[:16]}"


def weights(module: nn.Module) -> str:
    """Describe a model by its size and the hash of the weights it starts from."""
    digest, size = hashlib.sha256(), 0
    for name, tensor in module.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
        size += tensor.numel()
    return f"{size:,} weights, sha256 {digest.hexdigest()[:16]}"


def require_unchanged(checkpoint: Path, now: Mapping[str, Any], allowed: Sequence[str]) -> None:
    """Raise where a run is to go on under other conditions; warn of other versions.

    Args:
        checkpoint: Where it is to go on from.
        now: The conditions of this run.
        allowed: Names of conditions that may differ.

    Raises:
        UsageError: When one differs that may not; shows each, as it was and as it is now.
    """
    commit = read_commit(checkpoint)
    was, now = commit["conditions"], json.loads(json.dumps(now))
    names = {name.replace("-", "_") for name in allowed}
    for name in sorted(names - was.keys() - now.keys()):
        raise UsageError(
            f"--allow-changed takes one of {', '.join(sorted(now))}; got '{name}'."
            + nearest(name, sorted(now))
        )
    changed = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    lines = {name: f"{name} was {was.get(name)}, is now {now.get(name)}" for name in changed}
    refused = [name for name in changed if name not in names]
    if refused:
        flags = " ".join(f"--allow-changed {name}" for name in refused)
        raise UsageError(
            f"The run in '{checkpoint.parents[1]}' was started otherwise: "
            f"{'; '.join(lines[name] for name in refused)}. Give what was given then, start "
            f"afresh (--overwrite), or go on all the same with {flags}."
        )
    for name in changed:
        logger.warning("Changed since %s: %s.", checkpoint.name, lines[name])
    for name, new in versions().items():
        if commit["versions"].get(name) != new:
            logger.warning(
                "%s was %s, is now %s: the run goes on, but not bit for bit.",
                name,
                commit["versions"].get(name),
                new,
            )


def _twin(twin: object) -> str:
    """Name a twin and its own numbers; its modules show in the checkpoint itself."""
    simple = {
        name: value
        for name, value in sorted(vars(twin).items())
        if not name.startswith("_") and name not in ("training", "micro_batch", "seen")
        if isinstance(value, int | float | str | bool) or is_dataclass(value)
    }
    shown = ", ".join(f"{name}={_words(value)}" for name, value in simple.items())
    return f"{type(twin).__name__}({shown})"


def _words(thing: object) -> str:
    """Show a thing the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(thing))
