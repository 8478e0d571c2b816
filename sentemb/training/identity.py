"""What an encoder is, part by part, so that a resumed run can say which part is another."""

import hashlib
import json
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from sentemb.encoders import describe
from sentemb.encoders.dropout import dropout_rates
from sentemb.encoders.truncating import truncating
from sentemb.encoding.fingerprint import fingerprint

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

NO_PART = ("_name_or_path", "transformers_version", "output_hidden_states")
"""What a config says of where and by what a model was saved, and of what is read of it."""


class _Part(nn.ModuleList):
    """Modules, as `fingerprint` takes an encoder: of a SentenceTransformer no more than these."""

    tokenizer: Any = None
    max_seq_length = prompts = default_prompt_name = truncate_dim = None


def encoder_identity(encoder: "SentenceTransformer") -> dict[str, Any]:
    """Describe all that the vectors of an encoder depend on, by the name of the part.

    A fresh head is random, so it is the same only where the same seed was set before.
    """
    first = encoder[0]
    settings = {
        **getattr(first, "get_config_dict", dict)(),
        "prompts": encoder.prompts,
        "default_prompt_name": encoder.default_prompt_name,
        "truncate_dim": encoder.truncate_dim,
    }
    others = list(encoder)[1:]
    return {
        "model": weights(first),
        "config": _config(getattr(first, "auto_model", None)) | _plain(settings),
        "modules": describe(encoder) + (f", sha256 {_hash(*others)}" if others else ""),
        "tokenizer": tokenizer_identity(encoder.tokenizer),
        "dropout": dropout_words(encoder),
    }


def classifier_identity(classifier: Any, tokenizer: Any) -> dict[str, Any]:
    """Describe a model of transformers in the same way; its head is drawn by the seed."""
    return {
        "model": weights(classifier.base_model),
        "config": _config(classifier),
        "tokenizer": tokenizer_identity(tokenizer),
        "dropout": dropout_words(classifier),
    }


def weights(module: nn.Module) -> str:
    """Describe a module by its size and a hash of its weights."""
    size = sum(tensor.numel() for tensor in module.state_dict().values())
    return f"{size:,} weights, sha256 {_hash(nn.ModuleList([module]))}"


def tokenizer_identity(tokenizer: Any) -> str:
    """Describe a tokenizer, but for the padding and truncation of the last texts it was given."""
    part = _Part([nn.Identity()])
    part.tokenizer = truncating(tokenizer, None) or tokenizer
    size = f"{len(tokenizer):,} tokens, " if hasattr(tokenizer, "__len__") else ""
    side = getattr(tokenizer, "truncation_side", "right")
    return f"{size}cut at the {side}, sha256 {fingerprint(cast(Any, part))[:16]}"


def dropout_words(module: nn.Module) -> str:
    """Say at which rates dropout is on; where they differ, a hash says in which places."""
    rates = dropout_rates(module)
    shown = ", ".join(f"{rate:g}" for rate in sorted(set(rates.values()))) or "none"
    if len(set(rates.values())) < 2:
        return shown
    return f"{shown}, sha256 {hashlib.sha256(repr(rates).encode()).hexdigest()[:16]}"


def _hash(*modules: nn.Module) -> str:
    return fingerprint(cast(Any, _Part(modules)))[:16]


def _config(model: Any) -> dict[str, Any]:
    config = getattr(model, "config", None)
    known = json.loads(config.to_json_string(use_diff=False)) if config is not None else {}
    return {name: value for name, value in known.items() if name not in NO_PART}


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, Any] = json.loads(json.dumps(settings, default=str))
    return known
