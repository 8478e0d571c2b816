"""From a name to an encoder: a plain `SentenceTransformer` made of stock modules."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from sentemb.embedded import EMBEDDED_ENCODERS, embedded
from sentemb.encoders.poolings import PoolingName, pooling_modules
from sentemb.errors import InputError, SentembError, nearest

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer


def build_encoder(
    model: str | os.PathLike[str],
    pooling: PoolingName | None = None,
    raw_pooling: PoolingName = "mean",
    device: str | None = None,
) -> "SentenceTransformer":
    """Load or assemble an encoder in float32.

    A sentence-transformers model keeps its own pooling unless another is asked for. A raw encoder
    gets ``pooling``, or ``raw_pooling`` where none is asked for.

    Args:
        model: An embedded encoder (``mini``, ``mini-sentemb``), a folder, or a hub id.
        pooling: Replaces everything that follows the model's transformer.
        raw_pooling: What a raw encoder gets where ``pooling`` is not given.
        device: Where to put it; the GPU if there is one.

    Raises:
        InputError: When the model cannot be found or read.

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
        if not Path(path).is_dir():
            first_line = (
                f"it is no folder and no embedded encoder ({', '.join(EMBEDDED_ENCODERS)}), and "
                f"the hub says: {first_line}{nearest(path, list(EMBEDDED_ENCODERS))}"
            )
        raise InputError(f"Cannot load model '{model}': {first_line}") from error
    _drop_what_training_must_not_touch(encoder)
    return encoder


def _load(
    path: str, pooling: PoolingName | None, raw_pooling: PoolingName, device: str
) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer

    if not _is_sentence_transformer(path):
        return _with_pooling(_transformer(path), pooling or raw_pooling, device)
    encoder = SentenceTransformer(path, device=device, model_kwargs={"dtype": torch.float32})
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


def locate(model: str | os.PathLike[str]) -> str:
    """Return the folder of an embedded encoder or of a path, or the hub id itself.

    Raises:
        InputError: When it is neither, and no hub is in reach.
    """
    name = os.fspath(model)
    if name in EMBEDDED_ENCODERS:
        return str(embedded(name))
    if Path(name).is_dir():
        if not (Path(name) / "config.json").is_file() and not _is_sentence_transformer(name):
            raise InputError(
                f"Folder '{name}' holds no model: it has neither modules.json nor config.json."
            )
        return name
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in {"1", "true", "yes", "on"}
    is_path = Path(name).is_absolute() or name.startswith(".") or name.count("/") > 1
    if is_path or (offline and not _in_cache(name, "config.json")):
        raise InputError(
            f"No model '{name}': it is no folder, and none of the embedded encoders "
            f"({', '.join(EMBEDDED_ENCODERS)})"
            + ("." if is_path else "; HF_HUB_OFFLINE is set, and the hub's cache has none.")
            + nearest(name, list(EMBEDDED_ENCODERS))
        )
    return name


def _is_sentence_transformer(path: str) -> bool:
    if Path(path).is_dir():
        return (Path(path) / "modules.json").is_file()
    from huggingface_hub import file_exists

    return _in_cache(path, "modules.json") or (
        not _in_cache(path, "config.json") and file_exists(path, "modules.json")
    )


def _in_cache(hub_id: str, file: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(hub_id, file), str)


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

    transformer: Transformer = Transformer(path, model_kwargs={"dtype": torch.float32})
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
