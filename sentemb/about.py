"""`info`: what is installed, or what a model is."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentemb.bundled import BUNDLED_ENCODERS, bundled
from sentemb.errors import UsageError
from sentemb.table import Report, Table, number
from sentemb.versions import versions

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

RECORDED = ("method", "rows", "dev", "steps", "best_step", "before", "metrics", "versions")
"""What ``run.json`` holds of a training that is shown."""


def info(model: "str | os.PathLike[str] | SentenceTransformer | None" = None) -> Report:
    """Say what a model is, as ``sentemb info`` does; of none, what is installed.

    Args:
        model: A bundled encoder, a folder, a hub id, or a `SentenceTransformer`.

    Returns:
        A row for each thing that is known.

    Raises:
        UsageError: When the model is a file.
        InputError: When it cannot be found or read.

    Example:
        >>> info("mini")["dimension"]
        192
    """
    content = _installed() if model is None else _model(model)
    rows = [[name, _shown(value)] for name, value in content.items() if value is not None]
    rows += [] if model else [[name, one] for name, one in versions().items()]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name.ljust(width)}  {value}" for name, value in rows]
    return Report("info", content, [], lines, Table(["name", "value"], rows))


def _installed() -> dict[str, Any]:
    import torch

    from sentemb.methods.recipe import METHODS

    return {
        "methods": list(METHODS),
        "bundled encoders": list(BUNDLED_ENCODERS),
        "bundled data": str(bundled("")),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def _model(model: "str | os.PathLike[str] | SentenceTransformer") -> dict[str, Any]:
    from sentemb.encoders import build_encoder, describe
    from sentemb.encoders.build import model_name
    from sentemb.locate import locate
    from sentemb.modalities.cells import reads_no_texts

    folder = None
    if isinstance(model, str | os.PathLike):
        if Path(model).is_file():
            raise UsageError(
                f"'{model}' is a file, and info describes models: use check for data files."
            )
        if reads_no_texts(model):
            return {"model": os.fspath(model), **_towers(Path(model)), **_run(Path(model))}
        folder = Path(locate(model))
    encoder = build_encoder(model, device="cpu" if folder else None)
    config = getattr(encoder[0], "config", None)
    content = {
        "model": model_name(model),
        "modules": describe(encoder),
        "architecture": getattr(config, "model_type", "unknown"),
        "dimension": encoder.get_embedding_dimension(),
        "max tokens": encoder.max_seq_length,
        "parameters": sum(p.numel() for p in encoder.parameters()),
        **{name: value for name, value in vars(config or object).items() if "dropout" in name},
    }
    return content if folder is None else {**content, **_towers(folder), **_run(folder)}


def _towers(folder: Path) -> dict[str, Any]:
    """Say what reads pictures or sounds in a model's folder."""
    from sentemb.modalities.tower_encoder import towers_in
    from sentemb.modalities.towers import Tower

    found = {}
    for modality in towers_in(folder):
        tower = Tower.load(folder / modality)
        count, config = sum(p.numel() for p in tower.parameters()), tower.config
        found[f"{modality}s"] = (
            f"{config.network}, size {config.size}, {config.dim} dimensions, {count:,} parameters"
        )
    return found


def _run(folder: Path) -> dict[str, Any]:
    """Say how the model in a folder was trained, where that is known."""
    from sentemb.runs.run_folder import RUN, read_object

    if not (folder / RUN).is_file():
        return {}
    run = read_object(folder / RUN)
    return {
        "started from": run.get("model"),
        "data": (run.get("data") or {}).get("source"),
        **{key: run.get(key) or None for key in RECORDED},
        "with its own pooling before": run.get("as_it_is") or None,
    }


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_number(name, one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _number(name: str, value: Any) -> str:
    return number(name, value).text if isinstance(value, int | float) else str(value)
