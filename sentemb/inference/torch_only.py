"""A sentence-transformers folder by torch alone: importing what made it takes seconds."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from sentemb.bars import phase
from sentemb.encoders.build import build_encoder
from sentemb.encoders.device import present_device
from sentemb.encoders.inspection import CUT_SOONER
from sentemb.encoders.loading import warn_of_a_classifier
from sentemb.encoders.packing import Packing
from sentemb.encoders.truncating import NO_LIMIT
from sentemb.errors import UsageError, panics_refused
from sentemb.inference.bert import Bert, load_bert
from sentemb.inference.int8 import MODEL, Int8Encoder
from sentemb.inference.module_list import DeclaredModules, read_parts
from sentemb.inference.static_encoder import load_static
from sentemb.inference.token_encoder import TokenEncoder
from sentemb.locate import is_sentence_transformer, locate
from sentemb.types import Embeddings, TokenEmbeddings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


logger = logging.getLogger("sentemb")
AS_BERT = {
    "pre_tokenizer": ("BertPreTokenizer",),
    "post_processor": ("TemplateProcessing", "BertProcessing"),
}
"""transformers builds these anew for BERT's tokenizer, whatever the file says."""


class PlainEncoder(TokenEncoder):
    """BERT, a pooling, and what follows it.

    Args:
        bert: Embeddings and layers.
        tokenizer: Of the tokenizers library, as it is in the folder.
        parts: What follows the model.
        name: What messages call it.
    """

    def __init__(
        self, bert: Bert, tokenizer: Tokenizer, parts: DeclaredModules, name: str = ""
    ) -> None:
        super().__init__(tokenizer, parts.max_length, name)
        self.bert = bert
        self.pooling = parts.pooling
        self.register_buffer("layer_weights", parts.layer_weights)
        self.heads = nn.Sequential(*parts.heads)
        self.normalised = parts.normalised

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.bert.device

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        sizes = [head.out_features for head in self.heads if isinstance(head, nn.Linear)]
        return int(sizes[-1] if sizes else self.bert.config["hidden_size"])

    def to(self, device: str) -> Self:  # type: ignore[override]
        """Move it."""
        self.bert.to(device)
        return super().to(device)

    def forward(self, ids: Tensor, mask: Tensor) -> Embeddings:
        """Embed tokens ``[rows, tokens]``; returns ``[rows, dim]``."""
        tokens = self.states(ids, mask)
        if self.pooling == "cls":
            pooled = tokens[:, 0]
        elif self.pooling == "lasttoken":
            pooled = tokens[torch.arange(len(mask), device=mask.device), mask.sum(1) - 1]
        elif self.pooling == "weightedmean":
            weights = (mask * torch.arange(1, mask.shape[1] + 1, device=mask.device)).unsqueeze(2)
            pooled = (tokens * weights).sum(1) / weights.sum(1)
        else:
            pooled = tokens.sum(1) / mask.sum(1, keepdim=True)
        return self.head(pooled)

    def states(self, ids: Tensor, mask: Tensor) -> TokenEmbeddings:
        """Return what is pooled, ``[rows, tokens, width]``, zeros where there is padding."""
        packing = Packing.of(mask)
        weights = self.layer_weights
        first_only = self.pooling == "cls" and weights is None
        states = self.bert(ids, packing, first_only=first_only)
        packed = states[-1]
        if isinstance(weights, Tensor):
            shares = zip(weights / weights.sum(), states, strict=True)
            packed = torch.stack([share * state for share, state in shares if share]).sum(0)
        return packing.unpack(packed.unsqueeze(0))

    def head(self, pooled: Embeddings) -> Embeddings:
        """Return the vectors of what was pooled, ``[rows, dim]``."""
        vectors: Embeddings = self.heads(pooled)
        return nn.functional.normalize(vectors, dim=1) if self.normalised else vectors

    def weights(self) -> dict[str, Tensor]:
        """Return those of BERT and of what follows it."""
        return {**self.state_dict(), **self.bert.weights}

    def settings(self) -> str:
        """Say what BERT's config, the pooling and the heads are."""
        return f"{self.bert.config} {self.pooling} {self.heads} {self.normalised}"


def load_encoder(
    model: str | os.PathLike[str], device: str | None = None
) -> "TokenEncoder | SentenceTransformer":
    """Load an encoder to encode with, without importing sentence-transformers where it can be.

    What ``sentemb export`` wrote is loaded too.

    Args:
        model: A bundled encoder, a folder or a hub id.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; by default the GPU if there is one.

    Raises:
        InputError: When the model cannot be found or read, or is unsafe; see `sentemb.safety`.
        UsageError: When this machine has no such device.
    """
    path = Path(locate(model))
    if (path / MODEL).is_file():
        return _int8(path, device)
    device = present_device(device)
    plain: TokenEncoder | None = None
    with (
        phase("loading the model"),
        suppress(Exception),
        panics_refused(),
    ):  # the other loader finds the words for a fault
        plain = load_plain(path, model) or load_static(path, os.fspath(model))
    if plain is None:
        return build_encoder(model, device=device)
    if not is_sentence_transformer(path):
        warn_of_a_classifier(os.fspath(path), model)
    return plain.to(device)


def _int8(folder: Path, device: str | None) -> Int8Encoder:
    if device not in (None, "cpu"):
        raise UsageError(f"'{folder}' is an int8 export, which runs on the CPU; got '{device}'.")
    return Int8Encoder(folder, threads=1)


class TellsWidth(Protocol):
    """What says how many numbers its vectors have, as a sentence-transformers model does."""

    def get_embedding_dimension(self) -> int | None:
        """Return how many; None where it is not known."""


def width_of(encoder: "TokenEncoder | TellsWidth") -> int | None:
    """Return how many numbers a vector has; None where the encoder does not tell."""
    if isinstance(encoder, TokenEncoder):
        return encoder.dim
    return encoder.get_embedding_dimension()


def load_plain(
    path: str | os.PathLike[str], model: str | os.PathLike[str] | None = None
) -> PlainEncoder | None:
    """Load a folder where torch alone can: BERT's family, stock modules, no prompts.

    No forward is tried here: that every text fits is seen from the headers and configs.

    Args:
        path: The folder.
        model: Its name for messages, where it is another than the path.

    Returns:
        In float32 and evaluation mode; None where something in it needs more, or does not fit.
    """
    folder = Path(path)
    parts = read_parts(folder) if folder.is_dir() else None
    tokenizer = _tokenizer(folder) if parts is not None else None
    bert = load_bert(folder) if tokenizer is not None else None
    if parts is None or tokenizer is None or bert is None:
        return None
    if parts.max_length is None:
        parts.max_length = _json(folder / "tokenizer_config.json").get("model_max_length", 10**30)
    if not _fits(bert, tokenizer, parts):
        return None
    name = os.fspath(model or path)
    _settle_length(parts, bert.places, name)
    return PlainEncoder(bert, tokenizer, parts, name).eval()


def _fits(bert: Bert, tokenizer: Tokenizer, parts: DeclaredModules) -> bool:
    """Tell whether all ids have an embedding, and each part takes what the one before it gives."""
    layers = parts.layer_weights
    sizes = [(head.in_features, head.out_features) for head in parts.heads
             if isinstance(head, nn.Linear)]  # fmt: skip
    given = [bert.config["hidden_size"], *(size for _, size in sizes)]
    return (
        max(tokenizer.get_vocab().values()) < bert.config["vocab_size"]
        and isinstance(parts.max_length, int)
        and parts.max_length > tokenizer.num_special_tokens_to_add(False)
        and (layers is None or layers.shape == (bert.config["num_hidden_layers"] + 1,))
        and [size for size, _ in sizes] == given[:-1]
    )


def _settle_length(parts: DeclaredModules, places: int, name: str) -> None:
    """Lower the maximum length to what there are positions for; say so where a folder sets more."""
    if parts.max_length is None or parts.max_length <= places:
        return
    if parts.max_length <= NO_LIMIT:
        logger.info(CUT_SOONER, name, f"{places:,}", f"instead of {parts.max_length:,}")
    parts.max_length = places


def _tokenizer(folder: Path) -> Tokenizer | None:
    """Load a word-piece tokenizer whose file says all that its config does."""
    if not (folder / "tokenizer.json").is_file():
        return None
    settings, file = _json(folder / "tokenizer_config.json"), _json(folder / "tokenizer.json")
    normalizer = file["normalizer"] or {}
    same = {
        "do_lower_case": "lowercase",
        "strip_accents": "strip_accents",
        "tokenize_chinese_chars": "handle_chinese_chars",
    }
    if (
        normalizer.get("type") != "BertNormalizer"
        or file["model"]["type"] != "WordPiece"
        or any((file[part] or {}).get("type") not in kinds for part, kinds in AS_BERT.items())
        or any(side != "right" for side in _sides(settings, file))
        or "auto_map" in settings
        or any(settings.get(ours, normalizer[theirs]) != normalizer[theirs]
               for ours, theirs in same.items())
    ):  # fmt: skip
        return None
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def _sides(settings: dict[str, Any], file: dict[str, Any]) -> Iterator[str]:
    """Return where a tokenizer's config and its file pad and truncate."""
    for kind in ("padding", "truncation"):
        yield settings.get(f"{kind}_side", "right")
        yield (file.get(kind) or {}).get("direction", "Right").lower()


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
