"""What an encoder is, in one line: the hash of all that its vectors depend on."""

import hashlib
import re
from typing import TYPE_CHECKING, Any

import torch

from sentemb.encoders.truncating import truncating
from sentemb.inference.token_encoder import TokenEncoder
from sentemb.modalities.tower_encoder import TowerEncoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def fingerprint(encoder: "TokenEncoder | TowerEncoder | SentenceTransformer") -> str:
    """Return a hash of an encoder's weights, settings and tokenizer, in hex."""
    found = hashlib.sha256()
    for name, tensor in sorted(_weights(encoder).items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    found.update(f"{encoder.max_seq_length} {_settings(encoder)}".encode())
    tokenizer = getattr(encoder, "tokenizer", None)
    cut = truncating(tokenizer, encoder.max_seq_length) or tokenizer
    found.update(_described(cut).encode())
    return found.hexdigest()


def _described(tokenizer: Any) -> str:
    """Describe a tokenizer; addresses in memory and the order of sets are not part of it."""
    own = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if hasattr(own, "to_str"):
        return str(own.to_str())
    known = {
        name: sorted(value) if isinstance(value, set) else value
        for name, value in sorted(getattr(own, "__dict__", {}).items())
    }
    return re.sub(r" at 0x[0-9a-f]+", "", f"{type(own).__name__} {known}")


def _weights(
    encoder: "TokenEncoder | TowerEncoder | SentenceTransformer",
) -> dict[str, torch.Tensor]:
    return encoder.weights() if isinstance(encoder, TokenEncoder) else dict(encoder.state_dict())


def _settings(encoder: "TokenEncoder | TowerEncoder | SentenceTransformer") -> str:
    if isinstance(encoder, TokenEncoder | TowerEncoder):
        return encoder.settings()
    described: list[Any] = [
        (type(module).__name__, getattr(module, "get_config_dict", dict)()) for module in encoder
    ]
    config = getattr(getattr(encoder[0], "auto_model", None), "config", None)
    known = config.to_dict() if config is not None else {}
    known.pop("_name_or_path", None)  # where it lies makes no difference
    prompts = f"{encoder.prompts} {encoder.default_prompt_name}"
    return f"{described} {sorted(known.items())} {prompts} {encoder.truncate_dim}"
