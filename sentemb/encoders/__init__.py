"""Encoders: what is deployed.

Names are imported when they are first used: counting tokens needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentemb.encoders.bidirectional import make_bidirectional
    from sentemb.encoders.build import build_encoder, describe, has_head
    from sentemb.encoders.dropout import set_dropout
    from sentemb.encoders.embedding import embed
    from sentemb.encoders.lora import Lora, add_lora
    from sentemb.encoders.neighbours import EmbeddingNeighbours
    from sentemb.encoders.poolings import (
        POOLINGS,
        PoolingName,
        keep_first_layer,
        last_layer_mean,
    )
    from sentemb.encoders.templates import set_template

__all__ = [
    "POOLINGS",
    "EmbeddingNeighbours",
    "Lora",
    "PoolingName",
    "add_lora",
    "build_encoder",
    "describe",
    "embed",
    "has_head",
    "keep_first_layer",
    "last_layer_mean",
    "make_bidirectional",
    "set_dropout",
    "set_template",
]

_HOME = {
    "POOLINGS": "poolings",
    "EmbeddingNeighbours": "neighbours",
    "Lora": "lora",
    "PoolingName": "poolings",
    "add_lora": "lora",
    "build_encoder": "build",
    "describe": "build",
    "embed": "embedding",
    "has_head": "build",
    "keep_first_layer": "poolings",
    "last_layer_mean": "poolings",
    "make_bidirectional": "bidirectional",
    "set_dropout": "dropout",
    "set_template": "templates",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'sentemb.encoders' has no attribute '{name}'")
    return getattr(import_module(f"sentemb.encoders.{_HOME[name]}"), name)
