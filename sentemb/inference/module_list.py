"""What a sentence-transformers folder says that it is made of."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn

POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}
"""What older folders call the poolings that need nothing but the last layer."""
ACTIVATIONS = {
    "torch.nn.modules.activation.ReLU": nn.ReLU,
    "torch.nn.modules.activation.Tanh": nn.Tanh,
    "torch.nn.modules.linear.Identity": nn.Identity,
}
HARMLESS = {
    "max_seq_length": None,
    "do_lower_case": False,
    "transformer_task": "feature-extraction",
    "modality_config": {
        "text": {"method": "forward", "method_output_name": "last_hidden_state"},
    },
    "module_output_name": "token_embeddings",
}
"""Settings of a transformer module that change nothing, by their only harmless value."""


class UnitLength(nn.Module):
    """Vectors of length 1, before what follows them."""

    def forward(self, vectors: Tensor) -> Tensor:
        """Return them, shape ``[batch, dim]``."""
        return nn.functional.normalize(vectors, dim=1)


@dataclass
class DeclaredModules:
    """What follows a transformer; by default as in a raw encoder.

    Args:
        max_length: Tokens a text is truncated to; None is the tokeniser's and encoder's own.
        pooling: ``cls``, ``mean``, ``lasttoken`` or ``weightedmean``.
        layer_weights: ``[layers + 1]``, where several layers are pooled.
        heads: Linear layers and their activations, and lengths of 1 before them.
        normalised: Whether vectors have length 1 at the end.
    """

    max_length: int | None = None
    pooling: str = "mean"
    layer_weights: Tensor | None = None
    heads: list[nn.Module] = field(default_factory=list)
    normalised: bool = False


def read_parts(folder: Path) -> DeclaredModules | None:
    """Read a folder's modules; None where one is not known here, or asks for more than is.

    A raw encoder, without modules.json, is pooled by the mean.
    """
    parts = DeclaredModules()
    if not (folder / "modules.json").is_file():
        return parts
    if any(_json(folder / "config_sentence_transformers.json").get("prompts", {}).values()):
        return None
    modules = _json(folder / "modules.json")
    names = [module["type"].rpartition(".")[2] for module in modules]
    if any(not module["type"].startswith("sentence_transformers.") for module in modules):
        return None
    if names[:1] != ["Transformer"] or names.count("Pooling") != 1 or modules[0]["path"]:
        return None
    for name, module in zip(names, modules, strict=True):
        reader = READERS.get(name)
        if reader is None or not reader(parts, folder / module["path"]):
            return None
    return parts


def _transformer(parts: DeclaredModules, folder: Path) -> bool:
    settings = _json(folder / "sentence_bert_config.json")
    parts.max_length = settings.get("max_seq_length")
    return all(
        name in HARMLESS and (name == "max_seq_length" or value == HARMLESS[name])
        for name, value in settings.items()
    )


def _layers(parts: DeclaredModules, folder: Path) -> bool:
    from safetensors.torch import load_file

    parts.layer_weights = load_file(folder / "model.safetensors")["layer_weights"]
    return bool(_json(folder / "config.json")["layer_start"] == 0)


def _pooling(parts: DeclaredModules, folder: Path) -> bool:
    settings = _json(folder / "config.json")
    old = [name for name, on in settings.items() if name.startswith("pooling_mode_") and on]
    modes = [POOLINGS.get(name, name) for name in old] or [settings.get("pooling_mode")]
    parts.pooling = str(modes[0])
    whole = bool(settings.get("include_prompt", True))
    return whole and len(modes) == 1 and parts.pooling in POOLINGS.values()


def _dense(parts: DeclaredModules, folder: Path) -> bool:
    from safetensors.torch import load_file

    settings = _json(folder / "config.json")
    activation = ACTIVATIONS.get(settings.get("activation_function", ""))
    if activation is None or settings.get("use_residual") or not _of_sentences(settings):
        return False
    sizes = settings["in_features"], settings["out_features"]
    linear = nn.Linear(*sizes, bias=settings.get("bias", True))
    weights = load_file(folder / "model.safetensors")
    linear.load_state_dict({k.removeprefix("linear."): v for k, v in weights.items()})
    parts.heads += [UnitLength()] if parts.normalised else []
    parts.heads += [linear, activation()]
    parts.normalised = False
    return True


def _of_sentences(settings: dict[str, Any]) -> bool:
    names = (settings.get(f"module_{end}_name") for end in ("input", "output"))
    return all(name in (None, "sentence_embedding") for name in names)


def _normalize(parts: DeclaredModules, _folder: Path) -> bool:
    parts.normalised = True
    return True


READERS = {
    "Transformer": _transformer,
    "WeightedLayerPooling": _layers,
    "Pooling": _pooling,
    "Dense": _dense,
    "Normalize": _normalize,
}


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
