"""Sizes in a config that cannot be, or that the weights beside it cannot fill."""

from itertools import product
from pathlib import Path
from typing import Any

from sentemb.errors import InputError
from sentemb.safety.file_names import read_json
from sentemb.safety.weight_files import stored_shapes

LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers")
SIZES = (
    *("hidden_size", "d_model", "n_embd", "embedding_size", "vocab_size", "type_vocab_size"),
    *("num_attention_heads", "n_head", "n_heads", "max_position_embeddings", "n_positions"),
)
MAY_BE_ZERO = (*LAYERS, "type_vocab_size")
FEW = 100
"""Layers that are built in a moment, to be compared by name."""
SHARED = "num_hidden_groups"
"""ALBERT's: its layers share their weights, so their number says nothing about the file."""


def check_sizes(folder: Path) -> None:
    """Raise where the config of a transformers model asks for sizes that cannot be.

    A model of 10,000 layers would be built for minutes before the first weight is missed. Every
    layer has its own tensor, so there are at most as many layers as tensors. The exact
    comparison is `sentemb.encoders.weights`.

    Raises:
        InputError: When it does; names the file and the key.
    """
    file = folder / "config.json"
    config: Any = read_json(file) if file.is_file() else {}
    if not isinstance(config, dict) or "model_type" not in config:
        return
    for key in (*LAYERS, *SIZES):
        value, least = config.get(key), int(key not in MAY_BE_ZERO)
        if value is not None and (type(value) is not int or value < least):
            raise InputError(
                f"'{file}' has {key} {value!r}, but a whole number of at least {least} is needed: "
                "the model is damaged, fetch it again."
            )
    tensors = len(stored_shapes(folder))
    parts = [config, *(part for part in config.values() if isinstance(part, dict))]
    for key, part in product(LAYERS, parts):
        layers = part.get(key, 0)
        if type(layers) is int and SHARED not in part and layers > max(tensors, FEW):
            raise InputError(
                f"'{file}' asks for {layers:,} layers ({key}), but the weights beside it have "
                f"{tensors:,} tensors in all: fetch the model again, or correct {key}."
            )
