"""An encoder with a linear map behind it, in a folder that says what it did to STS."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from sentemb.cards import write_card
from sentemb.encoders import build_encoder, describe
from sentemb.encoders.build import build_copy, model_name
from sentemb.encoders.linear import append_linear
from sentemb.encoders.lora import save_merged
from sentemb.errors import NumericError
from sentemb.geometry.whitening import LinearMap
from sentemb.inference.card_texts import POSTPROCESS, postprocess_card
from sentemb.inference.comparison import Graded
from sentemb.inference.embedder import Embedder
from sentemb.storage import check_output, whole_folder, write_json
from sentemb.versions import versions

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def postprocess(
    model: "str | os.PathLike[str] | SentenceTransformer",
    folder: Path,
    fit: Callable[[torch.Tensor], LinearMap],
    texts: tuple[str, Sequence[str]],
    task: Graded,
    *,
    how: str,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write an encoder whose vectors are mapped, a plain sentence-transformers folder.

    Args:
        model: A bundled encoder, a folder, a hub id, or a `SentenceTransformer`.
        folder: There when all of it is.
        fit: From the vectors of the texts to the map: `whitening` or `all_but_the_top`.
        texts: What it is fitted to: a name for them, and the texts; each distinct one counts once.
        task: What both are scored on.
        how: What ``fit`` is: ``whiten`` or ``remove-top``.
        overwrite: Whether an earlier one in the folder is to be replaced.

    Returns:
        What postprocess.json holds.

    Raises:
        UsageError: When the folder is not to be overwritten, and as ``fit``.
        InputError: When the model cannot be read, and as ``fit``.
        NumericError: When a vector is not finite.
    """
    check_output(folder, POSTPROCESS, overwrite=overwrite)
    encoder = build_copy(model)
    before_modules = describe(encoder)
    distinct = list(dict.fromkeys(texts[1]))
    with Embedder(encoder) as embedder:
        vectors = embedder.encode(distinct)
        if not np.isfinite(vectors).all():
            raise NumericError(
                f"'{model_name(model)}' gives vectors that are not finite: it is damaged."
            )
        found = fit(torch.from_numpy(vectors))
        before = task(embedder.encode)
    append_linear(encoder, found.weight, found.bias)
    with whole_folder(folder, POSTPROCESS, overwrite=overwrite) as new:
        save_merged(encoder, new)
        with Embedder(build_encoder(new)) as embedder:  # as it will be loaded
            after = task(embedder.encode)
        record = {
            "kind": how,
            "model": model_name(model),
            "modules": describe(encoder),
            "modules_before": before_modules,
            "data": {"name": texts[0], "texts": len(distinct), "sha256": _sha256(distinct)},
            "dim_before": vectors.shape[1],
            "dim": found.weight.shape[1],
            "variance": found.variance,
            "task": task.name,
            "pairs": len(task.sentences1),
            "before": before,
            "after": after,
            "versions": versions(),
        }
        write_json(new / POSTPROCESS, {"schema": "sentemb.postprocess/1", **record})
        write_card(new, postprocess_card(record, folder.name))
    return record


def _sha256(texts: list[str]) -> str:
    found = hashlib.sha256()
    for text in texts:
        found.update(text.encode() + b"\n")
    return found.hexdigest()
