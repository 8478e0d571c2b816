"""From a name to an encoder: a plain `SentenceTransformer` made of stock modules."""

import os
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from sentemb.encoders.hooks import name_of
from sentemb.encoders.inspection import inspect
from sentemb.encoders.loading import loading, reads_images, warn_of_a_classifier
from sentemb.encoders.padding import pads_right
from sentemb.encoders.poolings import PoolingName, pooling_modules
from sentemb.errors import InputError, UsageError
from sentemb.locate import is_sentence_transformer, locate
from sentemb.safety import code_is_trusted

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer

TOKENS, VECTOR = "token_embeddings", "sentence_embedding"
"""What sentence-transformers calls what a transformer gives."""
OF_IMAGES = (
    "It reads images too, and needs its preprocessor_config.json and torchvision: give a model of "
    "text, or its text part saved by sentence-transformers."
)
_MODEL = {"dtype": torch.float32, "use_safetensors": True}


def build_encoder(
    model: "str | os.PathLike[str] | SentenceTransformer",
    pooling: PoolingName | None = None,
    raw_pooling: PoolingName = "mean",
    device: str | None = None,
) -> "SentenceTransformer":
    """Load or assemble an encoder in float32; code of the model's own is not run.

    A sentence-transformers model keeps its own pooling unless another is asked for. A raw encoder
    gets ``pooling``, or ``raw_pooling`` where none is asked for.

    Args:
        model: A bundled encoder (``mini``, ``mini-sentemb``), a folder, a hub id, or a
            `SentenceTransformer`, which keeps its modules and weights, and is changed in place.
        pooling: Replaces everything that follows the model's transformer.
        raw_pooling: What a raw encoder gets where ``pooling`` is not given.
        device: Where to put it; the GPU if there is one.

    Raises:
        InputError: When the model cannot be found or read, or is unsafe; see `sentemb.safety`.
        UsageError: When it is none of these.

    Source: the poolings are those of Gao et al., 2021 (arXiv:2104.08821).
    """
    if isinstance(model, str | os.PathLike):
        path = locate(model)
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        with loading(model, OF_IMAGES if reads_images(path) else ""):
            encoder = _load(path, model, pooling, raw_pooling, device)
    else:
        require_sentence_transformer(model)
        encoder = _given(model, pooling, device)
    pads_right(encoder)
    pooler = _drop_what_training_must_not_touch(encoder)
    name = model_name(model)
    try:
        inspect(encoder, name)
    except InputError:
        if pooler is None:
            raise
        cast(Any, encoder[0]).auto_model.pooler = pooler.requires_grad_(False)  # it is called
        inspect(encoder, name)
    return encoder


def build_copy(model: "str | os.PathLike[str] | SentenceTransformer") -> "SentenceTransformer":
    """Build an encoder with its own modules; a `SentenceTransformer` that is given stays.

    Raises:
        UsageError: When it is neither a name nor a `SentenceTransformer`.
        InputError: As `build_encoder`.
    """
    if isinstance(model, str | os.PathLike):
        return build_encoder(model)
    require_sentence_transformer(model)
    return build_encoder(deepcopy(model))


def require_sentence_transformer(model: object) -> None:
    """Raise unless what is given in the place of a model's name is a `SentenceTransformer`.

    Raises:
        UsageError: Says what it is.
    """
    from sentence_transformers import SentenceTransformer

    if not isinstance(model, SentenceTransformer):
        raise UsageError(
            "model must be a bundled encoder's name, a folder, a hub id or a SentenceTransformer, "
            f"got {model!r}."
        )


def model_name(model: "str | os.PathLike[str] | SentenceTransformer") -> str:
    """Return what messages and records call a model: its name, its path, or where it was loaded."""
    if isinstance(model, str | os.PathLike):
        return os.fspath(model)
    return str(getattr(model.tokenizer, "name_or_path", "") or name_of(model))


def _given(
    encoder: "SentenceTransformer", pooling: PoolingName | None, device: str | None
) -> "SentenceTransformer":
    """Return an encoder that was built elsewhere, with the pooling and on the device asked for."""
    place = device or str(encoder.device)
    if pooling is not None:
        return _with_pooling(encoder[0], pooling, place)
    return encoder.to(place)


def _load(
    path: str,
    model: str | os.PathLike[str],
    pooling: PoolingName | None,
    raw_pooling: PoolingName,
    device: str,
) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer

    if not is_sentence_transformer(path):
        warn_of_a_classifier(path, model)
        transformer: nn.Module = _transformer(path)
        if getattr(transformer, "module_output_name", "") == VECTOR and pooling is None:
            return SentenceTransformer(modules=[transformer], device=device)
        return _with_pooling(transformer, pooling or raw_pooling, device)
    encoder = SentenceTransformer(
        path,
        device=device,
        local_files_only=True,  # or the hub is asked for a model of the folder's name
        trust_remote_code=code_is_trusted(),
        model_kwargs=_MODEL,
    )
    return encoder if pooling is None else _with_pooling(encoder[0], pooling, device)


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

    if getattr(transformer, "module_output_name", None) != TOKENS:
        raise ValueError(
            f"its {type(transformer).__name__} gives one vector per text, not one per token, so "
            f"pooling '{pooling}' cannot be applied. Leave pooling out."
        )
    modules = [transformer, *pooling_modules(cast("Transformer", transformer), pooling)]
    return SentenceTransformer(modules=modules, device=device)


def _transformer(path: str) -> "Transformer":
    from sentence_transformers.base.modules import Transformer

    common = {"local_files_only": True, "trust_remote_code": code_is_trusted()}
    transformer: Transformer = Transformer(
        path, model_kwargs=_MODEL | common, processor_kwargs=common, config_kwargs=common
    )
    return transformer


def _drop_what_training_must_not_touch(encoder: "SentenceTransformer") -> nn.Module | None:
    """Remove the pre-trained pooler that nothing reads; freeze weights of layers and of words.

    Returns:
        The pooler, where one was removed.
    """
    from sentence_transformers.sentence_transformer.modules import WeightedLayerPooling, WordWeights

    transformer = getattr(encoder[0], "auto_model", None)
    is_read = "pooler_output" in str(getattr(encoder[0], "modality_config", ""))
    pooler: nn.Module | None = None if is_read else getattr(transformer, "pooler", None)
    if transformer is not None and pooler is not None:
        transformer.pooler = None
    for module in encoder:
        if isinstance(module, WeightedLayerPooling):
            module.layer_weights.requires_grad_(False)
        if isinstance(module, WordWeights):
            module.emb_layer.requires_grad_(False)
    return pooler
