"""Encoders: what is deployed."""

from sentemb.encoders.build import build_encoder, describe, has_head
from sentemb.encoders.dropout import set_dropout
from sentemb.encoders.embed import embed
from sentemb.encoders.neighbours import EmbeddingNeighbours
from sentemb.encoders.poolings import (
    POOLINGS,
    PoolingName,
    keep_first_layer,
    last_layer_mean,
)

__all__ = [
    "POOLINGS",
    "EmbeddingNeighbours",
    "PoolingName",
    "build_encoder",
    "describe",
    "embed",
    "has_head",
    "keep_first_layer",
    "last_layer_mean",
    "set_dropout",
]
