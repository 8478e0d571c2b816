"""The forward of BERT and ELECTRA for encoding: packed tokens, torch alone.

Importing the model classes of transformers takes two to three seconds, which a file of one line
should not pay; and where they are not imported, nothing but what is written here runs.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn.functional import embedding, gelu, layer_norm, linear, relu

from sentemb.encoders.packed_attention import attend
from sentemb.encoders.packing import Packing

DEFAULTS: dict[str, dict[str, Any]] = {
    "bert": {"layer_norm_eps": 1e-12, "type_vocab_size": 2},
    "electra": {"layer_norm_eps": 1e-12, "type_vocab_size": 2, "embedding_size": 128},
}
"""Of each family in transformers, for what its configs may leave out."""
SIZES = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
    *("vocab_size", "max_position_embeddings", "type_vocab_size"),
)
"""What a config must hold to be read here."""
Activation = Callable[[Tensor], Tensor]
ACTIVATIONS: dict[str, Activation] = {"gelu": gelu, "relu": relu}


class Bert:
    """Embeddings and layers of BERT or ELECTRA.

    Args:
        config: Of the model, as its config.json, with the family's defaults.
        weights: By their names in transformers.
    """

    def __init__(self, config: dict[str, Any], weights: dict[str, Tensor]) -> None:
        self.config = config
        self.weights = weights
        self.activation = ACTIVATIONS[config["hidden_act"]]

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.weights["embeddings.word_embeddings.weight"].device

    @property
    def places(self) -> int:
        """The most tokens that a text may have."""
        return int(self.config["max_position_embeddings"])

    def to(self, device: str | torch.device) -> Self:
        """Move it."""
        self.weights = {name: weight.to(device) for name, weight in self.weights.items()}
        return self

    def __call__(self, ids: Tensor, packing: Packing, *, first_only: bool) -> list[Tensor]:
        """Return the embeddings and each layer's output, ``[packed tokens, dim]``.

        Args:
            ids: ``[rows, tokens]``.
            packing: Which of them are not padding.
            first_only: Compute the last layer for first tokens alone: ``[rows, dim]``.
        """
        hidden = (
            embedding(ids, self.weights["embeddings.word_embeddings.weight"])
            + self.weights["embeddings.token_type_embeddings.weight"][0]
            + self.weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        )
        hidden = packing.pack(self._norm(hidden, "embeddings"))[0]
        if "embeddings_project.weight" in self.weights:
            hidden = self._linear(hidden, "embeddings_project")
        states = [hidden]
        layers = self.config["num_hidden_layers"]
        for number in range(layers):
            last = number == layers - 1
            states.append(self._layer(states[-1], packing, number, first_only=first_only and last))
        return states

    def _layer(self, hidden: Tensor, packing: Packing, number: int, *, first_only: bool) -> Tensor:
        layer = f"encoder.layer.{number}"
        shape = (len(hidden), self.config["num_attention_heads"], -1)
        q, k, v = (
            self._linear(hidden, f"{layer}.attention.self.{name}").view(shape).transpose(0, 1)
            for name in ("query", "key", "value")
        )
        attended = attend(q, k, v, packing, first_only=first_only).flatten(1)
        if first_only:
            attended, hidden = attended[packing.first], hidden[packing.first]
        attended = self._linear(attended, f"{layer}.attention.output.dense")
        hidden = self._norm(attended + hidden, f"{layer}.attention.output")
        inner = self.activation(self._linear(hidden, f"{layer}.intermediate.dense"))
        return self._norm(self._linear(inner, f"{layer}.output.dense") + hidden, f"{layer}.output")

    def _linear(self, given: Tensor, name: str) -> Tensor:
        return linear(given, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, given: Tensor, name: str) -> Tensor:
        weight, bias = (self.weights[f"{name}.LayerNorm.{part}"] for part in ("weight", "bias"))
        return layer_norm(given, weight.shape, weight, bias, self.config["layer_norm_eps"])


def load_bert(folder: Path) -> Bert | None:
    """Load an encoder of the family from its folder, in float32.

    Returns:
        None where it is of another family, its config asks for what is not computed here, or its
        weights are not those of this structure in names and shapes, in one safetensors file.
    """
    given = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config = DEFAULTS.get(given.get("model_type"), {}) | given
    file = folder / "model.safetensors"
    if not file.is_file() or not _is_plain(config):
        return None
    weights, wanted = {}, _shapes(config)
    with safe_open(file, "pt") as stored:
        for name in stored.keys():  # noqa: SIM118 -- it is not a dictionary
            bare = name.removeprefix(f"{config['model_type']}.")
            bare = bare.replace("LayerNorm.gamma", "LayerNorm.weight")
            bare = bare.replace("LayerNorm.beta", "LayerNorm.bias")
            if wanted.get(bare) == tuple(stored.get_slice(name).get_shape()):
                weights[bare] = stored.get_tensor(name).float()
            elif bare.startswith(("embeddings.", "encoder.")) and "position_ids" not in bare:
                return None
    return Bert(config, weights) if weights.keys() == wanted.keys() else None


def _is_plain(config: dict[str, Any]) -> bool:
    return (
        config.get("model_type") in DEFAULTS
        and all(isinstance(config.get(name), int) and config[name] > 0 for name in SIZES)
        and config["hidden_size"] % config["num_attention_heads"] == 0
        and isinstance(config["layer_norm_eps"], float)
        and config.get("hidden_act") in ACTIVATIONS
        and config.get("position_embedding_type", "absolute") == "absolute"
        and not config.get("is_decoder", False)
        and "auto_map" not in config
        and "quantization_config" not in config
    )


def _shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name every weight that is used, with its shape."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    narrow = config.get("embedding_size", hidden)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], narrow),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], narrow),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], narrow),
        **_norm("embeddings", narrow),
    }
    if narrow != hidden:
        shapes |= _linear("embeddings_project", hidden, narrow)
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _linear(f"{layer}.attention.{name}", hidden, hidden)
        shapes |= _norm(f"{layer}.attention.output", hidden) | _norm(f"{layer}.output", hidden)
        shapes |= _linear(f"{layer}.intermediate.dense", inner, hidden)
        shapes |= _linear(f"{layer}.output.dense", hidden, inner)
    return shapes


def _linear(name: str, outputs: int, inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, dim: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.LayerNorm.{part}": (dim,) for part in ("weight", "bias")}
