"""From a name to an encoder: a plain `SentenceTransformer` made of stock modules."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from sentemb.embedded import EMBEDDED_ENCODERS, embedded
from sentemb.encoders.padding import pads_right
from sentemb.encoders.poolings import PoolingName, pooling_modules
from sentemb.encoders.vocabulary import require_vocabulary
from sentemb.errors import InputError, SentembError, nearest, reading
from sentemb.safety import check_model, code_is_trusted

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer

READ = ["*.json", "*.txt", "*.model", "*.safetensors"]
NOT_READ = ["onnx/*", "openvino/*", "original/*", "checkpoint*/*"]
"""Of a hub repository. No pickle is fetched."""
_MODEL = {"dtype": torch.float32, "use_safetensors": True}


def build_encoder(
    model: str | os.PathLike[str],
    pooling: PoolingName | None = None,
    raw_pooling: PoolingName = "mean",
    device: str | None = None,
) -> "SentenceTransformer":
    """Load or assemble an encoder in float32; code of the model's own is not run.

    A sentence-transformers model keeps its own pooling unless another is asked for. A raw encoder
    gets ``pooling``, or ``raw_pooling`` where none is asked for.

    Args:
        model: An embedded encoder (``mini``, ``mini-sentemb``), a folder, or a hub id.
        pooling: Replaces everything that follows the model's transformer.
        raw_pooling: What a raw encoder gets where ``pooling`` is not given.
        device: Where to put it; the GPU if there is one.

    Raises:
        InputError: When the model cannot be found or read, or is unsafe; see `sentemb.safety`.

    Source: the poolings are those of Gao et al., 2021 (arXiv:2104.08821).
    """
    path = locate(model)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        with load_report_hidden():
            encoder = _load(path, pooling, raw_pooling, device)
    except SentembError:
        raise
    except Exception as error:  # a damaged model raises whatever its parts raise
        first_line = str(error).strip().partition("\n")[0]
        raise InputError(f"Cannot load model '{model}': {first_line}") from error
    require_vocabulary(encoder.tokenizer, model)
    pads_right(encoder)
    _drop_what_training_must_not_touch(encoder)
    return encoder


def _load(
    path: str, pooling: PoolingName | None, raw_pooling: PoolingName, device: str
) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer

    if not _is_sentence_transformer(path):
        return _with_pooling(_transformer(path), pooling or raw_pooling, device)
    encoder = SentenceTransformer(
        path,
        device=device,
        local_files_only=True,  # or the hub is asked for a model of the folder's name
        trust_remote_code=code_is_trusted(),
        model_kwargs=_MODEL,
    )
    return encoder if pooling is None else _with_pooling(encoder[0], pooling, device)


@contextmanager
def load_report_hidden() -> Iterator[None]:
    """Hide the report that a masked-language head was not wanted and a pooler not found."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


@reading()
def locate(model: str | os.PathLike[str]) -> str:
    """Return the folder of a model, once nothing in it speaks against loading it.

    Args:
        model: An embedded encoder, a folder, or a hub id, which is fetched but for its pickles.

    Raises:
        InputError: When it is none of them, no hub is in reach, or the folder is unsafe.
    """
    name = os.fspath(model)
    if name in EMBEDDED_ENCODERS:
        return str(embedded(name))
    folder = Path(name) if Path(name).is_dir() else _fetch(name)
    if not (folder / "config.json").is_file() and not _is_sentence_transformer(str(folder)):
        raise InputError(
            f"Folder '{folder}' holds no model: it has neither modules.json nor config.json."
        )
    check_model(folder)
    return str(folder)


def _fetch(name: str) -> Path:
    """Return the folder of a hub id in the hub's cache."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}
    is_path = Path(name).is_absolute() or name.startswith(".") or name.count("/") > 1
    if is_path or (offline and not _in_cache(name)):
        raise InputError(
            f"No model '{name}': it is no folder, and none of the embedded encoders "
            f"({', '.join(EMBEDDED_ENCODERS)})"
            + ("." if is_path else "; HF_HUB_OFFLINE is set, and the hub's cache has none.")
            + nearest(name, list(EMBEDDED_ENCODERS))
        )
    from huggingface_hub import snapshot_download

    wanted = [*READ, "*.py"] if code_is_trusted() else READ
    try:
        return Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=NOT_READ))
    except Exception as error:  # the hub raises a dozen unrelated types
        first_line = str(error).strip().partition("\n")[0]
        raise InputError(
            f"Cannot load model '{name}': it is no folder and no embedded encoder "
            f"({', '.join(EMBEDDED_ENCODERS)}), and the hub says: {first_line}"
            + nearest(name, list(EMBEDDED_ENCODERS))
        ) from error


def _is_sentence_transformer(path: str) -> bool:
    return (Path(path) / "modules.json").is_file()


def _in_cache(hub_id: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    found = (try_to_load_from_cache(hub_id, file) for file in ("config.json", "modules.json"))
    return any(isinstance(file, str) for file in found)


def describe(encoder: "SentenceTransformer") -> str:
    """Name the modules in order, poolings with their mode.

    Example:
        >>> describe(build_encoder("mini", pooling="cls"))
        'Transformer -> Pooling cls -> Dense'
    """
    names = []
    for module in encoder:
        mode = getattr(module, "pooling_mode", None)
        names.append(f"{type(module).__name__} {mode}" if mode else type(module).__name__)
    return " -> ".join(names)


def has_head(encoder: "SentenceTransformer") -> bool:
    """Tell whether a dense layer follows the pooling."""
    from sentence_transformers.base.modules import Dense

    return any(isinstance(module, Dense) for module in encoder)


def _with_pooling(
    transformer: nn.Module, pooling: PoolingName, device: str
) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer

    modules = [transformer, *pooling_modules(cast("Transformer", transformer), pooling)]
    return SentenceTransformer(modules=modules, device=device)


def _transformer(path: str) -> "Transformer":
    from sentence_transformers.base.modules import Transformer

    common = {"local_files_only": True, "trust_remote_code": code_is_trusted()}
    transformer: Transformer = Transformer(
        path, model_kwargs=_MODEL | common, processor_kwargs=common, config_kwargs=common
    )
    return transformer


def _drop_what_training_must_not_touch(encoder: "SentenceTransformer") -> None:
    """Remove the unused pre-trained pooler and freeze which layers are averaged."""
    from sentence_transformers.sentence_transformer.modules import WeightedLayerPooling

    transformer = getattr(encoder[0], "auto_model", None)
    if transformer is not None and getattr(transformer, "pooler", None) is not None:
        transformer.pooler = None
    for module in encoder:
        if isinstance(module, WeightedLayerPooling):
            module.layer_weights.requires_grad_(False)
