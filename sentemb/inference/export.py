"""An encoder made smaller and faster, in a folder that says what it lost and gained."""

import logging
import os
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sentemb.cards import write_card
from sentemb.encoders import describe
from sentemb.encoders.build import build_copy, model_name
from sentemb.encoders.prompts import prompt_names
from sentemb.encoders.trainable import require_transformer
from sentemb.inference.card_texts import EXPORT, export_card
from sentemb.inference.comparison import Graded, compare
from sentemb.inference.int8 import MODEL, Int8Encoder
from sentemb.inference.quantise import check_extra, quantise
from sentemb.inference.static import SMOOTHING, SMOOTHING_BY_RANK, Static, distil, real_tokens
from sentemb.storage import check_output, whole_folder, write_json

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")
PACKAGES = {
    "static": ("sentemb", "torch", "transformers", "sentence-transformers", "scikit-learn"),
    "int8": ("sentemb", "torch", "transformers", "sentence-transformers", "onnx", "onnxruntime"),
}


def export_static(
    model: "str | os.PathLike[str] | SentenceTransformer",
    folder: Path,
    task: Graded,
    dim: int | None = None,
    texts: tuple[str, Iterable[str]] | None = None,
    *,
    learn: "tuple[str, Callable[[SentenceTransformer], Static]] | None" = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write a static model of an encoder, a plain sentence-transformers folder.

    Args:
        model: A bundled encoder, a folder, a hub id, or a `SentenceTransformer`.
        folder: There when all of it is.
        task: What both are scored and timed on.
        dim: As in `distil`.
        texts: What tokens are counted in: a name for them, and the texts.
        learn: Trains the vectors in place of `distil`: a name for its data, and the function.
        overwrite: Whether an earlier export in the folder is to be replaced.

    Returns:
        What export.json holds.

    Raises:
        UsageError: When the folder is not to be overwritten, and as `distil`.
        InputError: When the model cannot be read, and as `distil`.
    """
    check_output(folder, EXPORT, overwrite=overwrite)
    encoder = build_copy(model)
    require_transformer(encoder, model_name(model), "a static export")
    if names := prompt_names(encoder):
        logger.warning("A static model has no prompts; left out: %s.", ", ".join(names))
    made = learn[1](encoder) if learn else distil(encoder, dim, texts[1] if texts else None)
    how: dict[str, Any] = (
        {"learned_from": learn[0]}
        if learn
        else {
            "probabilities": f"counts in {texts[0]}" if texts else "Zipf's law",
            "smoothing": SMOOTHING if texts else SMOOTHING_BY_RANK,
        }
    )
    how |= {
        "tokens": len(real_tokens(made.tokenizer)),
        "dim": made.vectors.shape[1],
        "variance": made.variance,
    }
    with whole_folder(folder, EXPORT, overwrite=overwrite) as new:
        static = made.save(new)
        encode = partial(static.encode, show_progress_bar=False)
        numbers, _ = compare(task, encoder.to("cpu"), encode)
        numbers["after"]["megabytes"] = (new / "model.safetensors").stat().st_size / 1e6
        return _write(new, "static", model, encoder, task, {**numbers, "how": how})


def export_int8(
    model: "str | os.PathLike[str] | SentenceTransformer",
    folder: Path,
    task: Graded,
    *,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write an encoder in 8-bit integers, for `Int8Encoder`.

    Args and Returns: as `export_static`.

    Raises:
        UsageError: When the folder is not to be overwritten, or the extra is not installed.
        InputError: When the model cannot be read, and as `quantise`.
    """
    check_output(folder, EXPORT, overwrite=overwrite)
    check_extra()
    encoder = build_copy(model).to("cpu")
    require_transformer(encoder, model_name(model), "an int8 export")
    with whole_folder(folder, EXPORT, overwrite=overwrite) as new:
        quantise(encoder, new)
        numbers, (x, y) = compare(task, encoder, Int8Encoder(new, threads=1).encode)
        numbers["after"]["megabytes"] = (new / MODEL).stat().st_size / 1e6
        lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
        how = {"cosine": float(np.mean((x * y).sum(axis=1) / lengths))}
        return _write(new, "int8", model, encoder, task, {**numbers, "how": how})


def _write(
    folder: Path,
    kind: str,
    model: "str | os.PathLike[str] | SentenceTransformer",
    encoder: "SentenceTransformer",
    task: Graded,
    numbers: dict[str, Any],
) -> dict[str, Any]:
    """Write export.json and the card; returns what the former holds."""
    record = {
        "kind": kind,
        "model": model_name(model),
        "modules": describe(encoder),
        "task": task.name,
        "pairs": len(task.sentences1),
        **numbers,
        "versions": {package: version(package) for package in PACKAGES[kind]},
    }
    write_json(folder / EXPORT, {"schema": "sentemb.export/1", **record})
    write_card(folder, export_card(record, folder.name))
    return record
