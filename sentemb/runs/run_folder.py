"""Folders of runs: which are ours, also those of versions that kept no manifest."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sentemb.cards import CARD, Card, write_card
from sentemb.errors import InputError
from sentemb.runs.checkpoint_commit import OF_A_RUN, committed, read_commit
from sentemb.storage import claim, read_owned, write_json
from sentemb.storage.owned import Owned, enlist

if TYPE_CHECKING:
    from sentemb.datasets import TrainingData

CHECKPOINTS = "checkpoints"
METRICS = "metrics.jsonl"
RUN = "run.json"
CONDITIONS = ".conditions.json"
"""What a run noted of its conditions when it finished and its checkpoints were removed."""
SEEDS = "seeds.json"
OF_SEEDS = "seeds"
"""The kind of a folder with a run for each of several seeds."""
OF_A_MODEL = (
    *("config.json", "modules.json", "config_sentence_transformers.json"),
    *("sentence_bert_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
    *("special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt"),
)
"""What earlier versions put into the folder of a run, beside the folders of the modules."""
OTHER_TOWERS = ("positive",)
"""Folders that they put a second encoder into."""


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object, whoever wrote it.

    Raises:
        InputError: When it is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is damaged: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict):
        raise InputError(f"'{path}' is damaged: it holds no JSON object.")
    return content


def read_record(path: Path) -> dict[str, Any]:
    """Read a record that a command of ours wrote, as ``run.json``.

    Raises:
        InputError: When it is missing, damaged, or another's.
    """
    content = read_object(path)
    if content.get("schema") != _schema(path):
        raise InputError(f"'{path}' is damaged: it is not a record that sentemb wrote.")
    return content


def _schema(path: Path) -> str:
    return f"sentemb.{path.stem.removeprefix('.')}/1"


def is_record(path: Path) -> bool:
    """Tell whether there is such a record."""
    try:
        read_record(path)
    except InputError:
        return False
    return True


def holds_run(folder: Path) -> bool:
    """Tell whether a folder belongs to a run."""
    owned = read_owned(folder)
    return owned.kind == OF_A_RUN if owned else _is_earlier_run(folder)


def holds_seeds(folder: Path) -> bool:
    """Tell whether a folder has runs of several seeds in it, or the place for one."""
    owned = read_owned(folder)
    return (
        bool(owned and owned.kind == OF_SEEDS)
        or is_record(folder / SEEDS)
        or any(holds_run(one) or not any(one.iterdir()) for one in seed_folders(folder))
    )


def seed_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder that have the name of a seed's run."""
    named = (p for p in folder.glob("seed-*") if p.name.removeprefix("seed-").isdecimal())
    return sorted(
        (path for path in named if path.is_dir()),
        key=lambda path: int(path.name.removeprefix("seed-")),
    )


def owned_by_run(folder: Path) -> Owned:
    """Return what a run made in its folder.

    That is what its manifest lists, or what versions without one wrote, and every checkpoint.
    """
    owned = read_owned(folder)
    names = _names_of_earlier_run(folder) if owned is None and _is_earlier_run(folder) else ()
    checkpoints = (f"{CHECKPOINTS}/{path.name}/" for path in known_checkpoints(folder))
    listed = owned or Owned(OF_A_RUN)
    return replace(listed, files={**dict.fromkeys((*names, *checkpoints)), **listed.files})


def adopt(folder: Path) -> None:
    """List what the folder of a run lacks in its manifest."""
    owned = owned_by_run(folder)
    known = read_owned(folder)
    if owned.files and (known is None or owned.files.keys() != known.files.keys()):
        enlist(folder, owned.files, OF_A_RUN)


def _is_earlier_run(folder: Path) -> bool:
    return is_record(folder / RUN) or bool(known_checkpoints(folder))


def known_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a run whose commits can be read, the newest first."""
    return [path for path in committed(folder / CHECKPOINTS) if _is_commit(path)]


def _is_commit(checkpoint: Path) -> bool:
    try:
        read_commit(checkpoint)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return True


def _names_of_earlier_run(folder: Path) -> Iterator[str]:
    yield from (METRICS, RUN, "model.partial/")
    if is_record(folder / RUN):
        yield CARD
        for tower in ("", *OTHER_TOWERS):
            if not tower or (folder / tower / "modules.json").is_file():
                names = (*OF_A_MODEL, *_names_of_modules(folder / tower))
                yield from (str(PurePosixPath(tower, name)) for name in names)


def _names_of_modules(folder: Path) -> Iterator[str]:
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        paths = [str(module["path"]) for module in modules if module["path"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return
    for path in paths:
        yield from (f"{path}/config.json", f"{path}/model.safetensors")


def data_record(data: "TrainingData", named: str) -> dict[str, Any]:
    """Describe the rows: where they are from, how many, and a hash of their texts."""
    digest = hashlib.sha256()
    for row in data.rows:
        digest.update(json.dumps(row, ensure_ascii=False, sort_keys=True).encode() + b"\n")
    return {
        "source": named,
        "columns": data.rows.column_names,
        "rows": len(data.rows),
        "unlabelled_rows": data.unlabelled_rows,
        "rows_without_negatives": data.rows_without_negatives,
        "sha256": digest.hexdigest(),
    }


def write_record(path: Path, content: dict[str, Any]) -> None:
    """Write JSON, whole or not at all."""
    write_json(path, {"schema": _schema(path), **content})


def write_how_made(folder: Path, record: dict[str, Any], card: Card) -> None:
    """Write the card of a run, and ``run.json`` last: a run with a record has ended."""
    claim(folder, [CARD, RUN], OF_A_RUN)
    write_card(folder, card)
    write_record(folder / RUN, record)
