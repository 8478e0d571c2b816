"""What an encoder is, in one line: the hash of all that its vectors depend on."""

import hashlib
from typing import TYPE_CHECKING, Any

import torch

from sentemb.inference.plain import PlainEncoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def fingerprint(encoder: "PlainEncoder | SentenceTransformer") -> str:
    """Return a hash of an encoder's weights, settings and tokenizer, in hex."""
    found = hashlib.sha256()
    for name, tensor in sorted(_weights(encoder).items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    found.update(f"{encoder.max_seq_length} {_settings(encoder)}".encode())
    tokenizer: Any = getattr(encoder, "tokenizer", None)
    own = getattr(tokenizer, "backend_tokenizer", tokenizer)
    found.update(own.to_str().encode() if hasattr(own, "to_str") else repr(own).encode())
    return found.hexdigest()


def _weights(encoder: "PlainEncoder | SentenceTransformer") -> dict[str, torch.Tensor]:
    weights = dict(encoder.state_dict())
    if isinstance(encoder, PlainEncoder):
        weights |= encoder.bert.weights
    return weights


def _settings(encoder: "PlainEncoder | SentenceTransformer") -> str:
    if isinstance(encoder, PlainEncoder):
        return f"{encoder.bert.config} {encoder.pooling} {encoder.heads} {encoder.normalised}"
    described: list[Any] = [
        (type(module).__name__, getattr(module, "get_config_dict", dict)()) for module in encoder
    ]
    config = getattr(getattr(encoder[0], "auto_model", None), "config", None)
    known = config.to_dict() if config is not None else {}
    known.pop("_name_or_path", None)  # where it lies makes no difference
    return f"{described} {sorted(known.items())} {encoder.prompts}"
