"""What a run that goes on must not change: options, data, model."""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from sentemb.errors import UsageError, nearest
from sentemb.evaluation import STS
from sentemb.method import Method
from sentemb.training.arguments import resolve_precision
from sentemb.training.commit import read_commit
from sentemb.training.identity import encoder_identity
from sentemb.training.processes import processes
from sentemb.training.settings import Settings
from sentemb.twins import Twin
from sentemb.versions import versions

logger = logging.getLogger("sentemb")

WITHOUT_EFFECT = {
    *("workers", "save_steps", "on_collapse", "max_bad_steps"),
    *("epochs", "max_steps"),  # both are known by the number of steps
}
"""Settings that cannot change the model."""
OTHER_NAMES = {
    "steps": "max_steps",
    "epochs": "max_steps",
    "view": "views",
    "lr": "learning_rate",
    "rdrop": "r_drop",
    "mask_above": "loss",
    "matryoshka": "loss",
    "pooling": "modules",
}
"""Options, and names in earlier versions, under which `--allow-changed` knows a condition too."""
IDENTITY = ("config", "modules", "tokenizer", "dropout")
"""What checkpoints of earlier versions did not note."""


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
        "max_steps": steps,
        "precision": resolve_precision(settings.precision),
        "processes": processes().num_processes,
        "views": "; ".join(_words(view) for view in method.views),
        "twin": _twin(method.twin),
        "loss": _words(method.loss),
        "data": described_rows(data),
        **encoder_identity(method.encoder),
        **_towers(method.twin),
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


def require_unchanged(
    checkpoint: Path, now: Mapping[str, Any], allowed: Sequence[str], fits: Callable[[Path], bool]
) -> None:
    """Raise where a run is to go on under other conditions; warn of other versions.

    Args:
        checkpoint: Where it is to go on from.
        now: The conditions of this run.
        allowed: Names of conditions that may differ.
        fits: Says whether the state in the checkpoint can be loaded.

    Raises:
        UsageError: When one differs that may not; shows each, as it was and as it is now.
    """
    commit = read_commit(checkpoint)
    was = dict(commit["conditions"])
    was = in_present_names(was, now)
    now = json.loads(json.dumps(now))
    names = _conditions_named(allowed, was.keys() | now.keys())
    unknown = [name for name in IDENTITY if name in now and name not in was]
    if unknown:
        raise UsageError(
            f"'{checkpoint}' was written by an earlier version of sentemb, which did not note "
            f"{', '.join(unknown)}, so it cannot be known whether this is the run that was "
            "started: go on with that version, or start afresh (--overwrite)."
        )
    changed = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    lines = {name: f"{name} {_difference(was.get(name), now.get(name))}" for name in changed}
    _refuse(checkpoint, lines, names, lasting=bool(changed) and not fits(checkpoint))
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


def in_present_names(was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the conditions of an earlier version as this one would have noted them."""
    was = dict(was)
    if "steps" in was:
        was["max_steps"] = was.pop("steps")
    if "loss" in was:  # one class was what InfoNCE and WeightedInfoNCE are
        earlier = r"(?<!Weighted)InfoNCE\((temperature=[^,()]+), hard_negative_weight="
        loss = re.sub(earlier + r"1\.0\)", r"InfoNCE(\1)", str(was["loss"]))
        was["loss"] = re.sub(earlier, r"WeightedInfoNCE(\1, hard_negative_weight=", loss)
    kind = str(now.get("twin", "")).partition("(")[0]
    if kind.startswith("Momentum"):  # one class was what these three are
        was["twin"] = re.sub(r"^Momentum(?=\()", kind, str(was.get("twin")))
    return was


def _conditions_named(allowed: Sequence[str], known: Set[str]) -> set[str]:
    """Return the conditions that the words after --allow-changed name: theirs, or their option's.

    Raises:
        UsageError: When one names none.
    """
    found = set()
    for word in allowed:
        name = word.removeprefix("--").removeprefix("no-").replace("-", "_")
        name = name if name in known else OTHER_NAMES.get(name, name)
        if name not in known:
            raise UsageError(
                f"--allow-changed takes one of {', '.join(sorted(known))}; got '{word}'."
                + nearest(name, sorted(known))
            )
        found.add(name)
    return found


def _refuse(checkpoint: Path, lines: Mapping[str, str], allowed: set[str], lasting: bool) -> None:
    """Raise where something has changed that is not allowed, or that nothing can allow."""
    refused = [name for name in lines if lasting or name not in allowed]
    if not refused:
        return
    flags = " ".join(f"--allow-changed {name}" for name in refused)
    ways = (
        "and its state does not fit into what there is now. Give what was given then, or start "
        "afresh (--overwrite)."
        if lasting
        else "Give what was given then, start afresh (--overwrite), or go on all the same with "
        f"{flags}."
    )
    raise UsageError(
        f"The run in '{checkpoint.parents[1]}' was started otherwise: "
        f"{'; '.join(lines[name] for name in refused)}{', ' if lasting else '. '}{ways}"
    )


def _difference(was: Any, now: Any) -> str:
    """Show two values; of settings by name, only those that differ."""
    if isinstance(was, dict) and isinstance(now, dict):
        names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
        was, now = (
            ", ".join(f"{name}={values.get(name)}" for name in names) for values in (was, now)
        )
    return f"was {was}, is now {now}"


def _towers(twin: Twin) -> dict[str, Any]:
    """Describe the encoders beside the encoder."""
    return {
        f"{tower}_{name}": value
        for tower, encoder in twin.other_encoders().items()
        for name, value in encoder_identity(encoder).items()
    }


def _twin(twin: object) -> str:
    """Name a twin and its own numbers; its modules show in the checkpoint itself."""
    simple = {
        name: value
        for name, value in sorted(vars(twin).items())
        if not name.startswith("_") and name not in ("training", "micro_batch")
        if isinstance(value, int | float | str | bool) or is_dataclass(value)
    }
    shown = ", ".join(f"{name}={_words(value)}" for name, value in simple.items())
    return f"{type(twin).__name__}({shown})"


def _words(thing: object) -> str:
    """Show a thing the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(thing))
