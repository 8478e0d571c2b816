"""Vectors back to text: small language models that read a vector as their first tokens."""

from sentemb.decoders.kinds import KINDS, DecoderKind
from sentemb.decoders.mappings import LinearMapping, MLPMapping, TransformerMapping
from sentemb.decoders.memory import Memory
from sentemb.decoders.vector_decoder import VectorDecoder

__all__ = [
    "KINDS",
    "DecoderKind",
    "LinearMapping",
    "MLPMapping",
    "Memory",
    "TransformerMapping",
    "VectorDecoder",
]
