"""The bundled encoder, read once for each pooling."""

import copy
from functools import cache

import torch
from sentence_transformers import SentenceTransformer

from sentemb import build_encoder


@cache
def _read(pooling: str) -> SentenceTransformer:
    return build_encoder("mini", pooling=pooling, device="cpu")


def mini(pooling: str = "mean") -> SentenceTransformer:
    """Return an encoder that no other has part in, with torch's seed set for what comes on top."""
    encoder = copy.deepcopy(_read(pooling))
    torch.manual_seed(0)
    return encoder
