"""Encoders: what is deployed."""

from sentemb.encoders.build import build_encoder, describe, has_head
from sentemb.encoders.embed import embed
from sentemb.encoders.poolings import POOLINGS, PoolingName

__all__ = ["POOLINGS", "PoolingName", "build_encoder", "describe", "embed", "has_head"]
