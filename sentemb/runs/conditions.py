"""What a resumed run must not change: options, data, model."""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from datasets import Dataset
from torch import nn

from sentemb.encoders import describe
from sentemb.encoders.dropout import dropout_rates
from sentemb.encoders.lora import described_lora
from sentemb.encoders.truncating import truncating
from sentemb.encoding.fingerprint import fingerprint
from sentemb.errors import UsageError, nearest
from sentemb.runs.checkpoint_commit import read_commit
from sentemb.values import as_names
from sentemb.versions import versions

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")


WITHOUT_EFFECT = {
    *("workers", "save_steps", "keep_checkpoints", "on_collapse", "max_bad_steps"),
    "report_to",
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
    "score": "loss",
    "matryoshka": "loss",
    "pooling": "modules",
}
"""Options, and names in earlier versions, under which ``allow_changed`` knows a condition too."""
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


@dataclass(frozen=True)
class ResumeCheck:
    """Compares the conditions of a resumed run with those that it was started under.

    Args:
        now: The conditions of the resumed run, by name.
        allowed: Names of conditions that may differ.
        fits: Says whether the state in a checkpoint can be loaded.
    """

    now: Mapping[str, Any]
    allowed: Sequence[str]
    fits: Callable[[Path], bool]

    def of_checkpoint(self, checkpoint: Path) -> None:
        """Raise if a run is resumed under other conditions; warn of other versions.

        Args:
            checkpoint: The one to resume from.

        Raises:
            UsageError: When one differs that may not; shows each, as it was and as it is now.
        """
        commit = read_commit(checkpoint)
        lines, names = self._changes(checkpoint, commit["conditions"])
        _refuse(checkpoint, lines, names, lasting=bool(lines) and not self.fits(checkpoint))
        for line in lines.values():
            logger.warning("Changed since %s: %s.", checkpoint.name, line)
        for name, new in versions().items():
            if commit["versions"].get(name) != new:
                logger.warning(
                    "%s was %s, is now %s: the run continues, but not bit for bit.",
                    name,
                    commit["versions"].get(name),
                    new,
                )

    def of_finished(self, folder: Path, was: Mapping[str, Any], *, more_steps: bool) -> None:
        """Raise where a finished run without checkpoints was started under other conditions.

        Args:
            folder: Of the run.
            was: The conditions that it was started under.
            more_steps: Whether the resumed run is to be longer. It would need a checkpoint, so
                nothing may differ then.

        Raises:
            UsageError: When one differs that may not; shows each, as it was and as it is now.
        """
        lines, names = self._changes(folder, was)
        refused = [line for name, line in lines.items() if more_steps or name not in names]
        if refused:
            raise UsageError(
                f"The run in '{folder}' was started otherwise: {'; '.join(refused)}. Its "
                "checkpoints were removed when it finished, so it cannot be continued: train again "
                "with `keep_checkpoints=True` and `overwrite=True`, or start a new run from its "
                f"model, with `model={folder}` and another `output`."
            )
        for line in lines.values():
            logger.warning("Changed since the run in '%s' finished: %s.", folder, line)

    def _changes(self, place: Path, was: Mapping[str, Any]) -> tuple[dict[str, str], set[str]]:
        """Return a line for each condition that differs, and the names of those that may."""
        now = json.loads(json.dumps(self.now))
        was = in_present_names(was, now)
        names = _conditions_named(self.allowed, was.keys() | now.keys())
        unknown = [name for name in IDENTITY if name in now and name not in was]
        if unknown:
            raise UsageError(
                f"'{place}' was written by an earlier version of sentemb, which did not note "
                f"{', '.join(unknown)}, so it cannot be known whether this is the run that was "
                "started: resume with that version, or start afresh (`overwrite=True`)."
            )
        changed = [name for name in {**was, **now} if was.get(name) != now.get(name)]
        return {n: f"{n} {_difference(was.get(n), now.get(n))}" for n in changed}, names


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
    """Return the conditions that the words of ``allow_changed`` name: theirs, or their option's.

    Raises:
        UsageError: When one names none.
    """
    found = set()
    for word in as_names("allow_changed", allowed):
        name = word.removeprefix("--").removeprefix("no-").replace("-", "_")
        name = name if name in known else OTHER_NAMES.get(name, name)
        if name not in known:
            raise UsageError(
                f"`allow_changed` takes one of {', '.join(sorted(known))}; got '{word}'."
                + nearest(name, sorted(known))
            )
        found.add(name)
    return found


def _refuse(checkpoint: Path, lines: Mapping[str, str], allowed: set[str], lasting: bool) -> None:
    """Raise where something has changed that is not allowed, or that nothing can allow."""
    refused = [name for name in lines if lasting or name not in allowed]
    if not refused:
        return
    ways = (
        "and its state does not fit into what there is now. Give what was given then, or start "
        "afresh (`overwrite=True`)."
        if lasting
        else "Give what was given then, start afresh (`overwrite=True`), or resume anyway "
        f"with `allow_changed={refused}`."
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
    """Show a thing the same in every process, and as before it had fields that are not used."""
    return re.sub(r" at 0x[0-9a-f]+|, (?:template|model)=None(?=[,)])", "", repr(thing))


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
        **({"lora": lora} if (lora := described_lora(encoder)) else {}),
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
