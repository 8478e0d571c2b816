"""What a run that goes on must not change: options, data, model."""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from datasets import Dataset
from torch import nn

from sentemb.encoders import describe
from sentemb.encoders.dropout import dropout_rates
from sentemb.encoders.truncating import truncating
from sentemb.encoding.fingerprint import fingerprint
from sentemb.errors import UsageError, nearest
from sentemb.runs.commit import read_commit
from sentemb.versions import versions

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

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


def stable_repr(thing: object) -> str:
    """Show a thing the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(thing))


NO_PART = ("_name_or_path", "transformers_version", "output_hidden_states")
"""What a config says of where and by what a model was saved, and of what is read of it."""


class _Part(nn.ModuleList):
    """Modules, as `fingerprint` takes an encoder: of a SentenceTransformer no more than these."""

    tokenizer: Any = None
    max_seq_length = prompts = default_prompt_name = truncate_dim = None


def encoder_identity(encoder: "SentenceTransformer") -> dict[str, Any]:
    """Describe all that the vectors of an encoder depend on, by the name of the part.

    A fresh head is random, so it is the same only where the same seed was set before.
    """
    first = encoder[0]
    settings = {
        **getattr(first, "get_config_dict", dict)(),
        "prompts": encoder.prompts,
        "default_prompt_name": encoder.default_prompt_name,
        "truncate_dim": encoder.truncate_dim,
    }
    others = list(encoder)[1:]
    return {
        "model": weights(first),
        "config": _config(getattr(first, "auto_model", None)) | _plain(settings),
        "modules": describe(encoder) + (f", sha256 {_hash(*others)}" if others else ""),
        "tokenizer": tokenizer_identity(encoder.tokenizer),
        "dropout": dropout_words(encoder),
    }


def classifier_identity(classifier: Any, tokenizer: Any) -> dict[str, Any]:
    """Describe a model of transformers in the same way; its head is drawn by the seed."""
    return {
        "model": weights(classifier.base_model),
        "config": _config(classifier),
        "tokenizer": tokenizer_identity(tokenizer),
        "dropout": dropout_words(classifier),
    }


def weights(module: nn.Module) -> str:
    """Describe a module by its size and a hash of its weights."""
    size = sum(tensor.numel() for tensor in module.state_dict().values())
    return f"{size:,} weights, sha256 {_hash(nn.ModuleList([module]))}"


def frozen_identity(encoder: "SentenceTransformer") -> str:
    """Describe an encoder that does not train by its size and a hash of all that it depends on."""
    size = sum(tensor.numel() for tensor in encoder.state_dict().values())
    return f"{size:,} weights, sha256 {fingerprint(encoder)[:16]}"


def tokenizer_identity(tokenizer: Any) -> str:
    """Describe a tokenizer, but for the padding and truncation of the last texts it was given."""
    part = _Part([nn.Identity()])
    part.tokenizer = truncating(tokenizer, None) or tokenizer
    size = f"{len(tokenizer):,} tokens, " if hasattr(tokenizer, "__len__") else ""
    side = getattr(tokenizer, "truncation_side", "right")
    return f"{size}cut at the {side}, sha256 {fingerprint(cast(Any, part))[:16]}"


def dropout_words(module: nn.Module) -> str:
    """Say at which rates dropout is on; where they differ, a hash says in which places."""
    rates = dropout_rates(module)
    shown = ", ".join(f"{rate:g}" for rate in sorted(set(rates.values()))) or "none"
    if len(set(rates.values())) < 2:
        return shown
    return f"{shown}, sha256 {hashlib.sha256(repr(rates).encode()).hexdigest()[:16]}"


def _hash(*modules: nn.Module) -> str:
    return fingerprint(cast(Any, _Part(modules)))[:16]


def _config(model: Any) -> dict[str, Any]:
    config = getattr(model, "config", None)
    known = json.loads(config.to_json_string(use_diff=False)) if config is not None else {}
    return {name: value for name, value in known.items() if name not in NO_PART}


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(json.dumps(settings, default=str))
    return known
