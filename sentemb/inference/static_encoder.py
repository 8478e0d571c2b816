"""A static model, a vector a token, by torch alone."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import embedding_bag

from sentemb.encoders.padding import TokenIds
from sentemb.inference.token_encoder import TokenEncoder
from sentemb.types import Embeddings

MODULE = "sentence_transformers.sentence_transformer.modules.static_embedding.StaticEmbedding"
VECTORS = "embedding.weight"


class StaticEncoder(TokenEncoder):
    r"""The mean of the tokens' vectors, :math:`\frac{1}{n} \sum_i v_{t_i}`; 0 of no token.

    Args:
        tokenizer: Adds no special tokens.
        vectors: One a token, ``[tokens, dim]``.
        name: What messages call it.
    """

    embeds_no_tokens = True
    usual_tokens = 2**16
    vectors: Tensor

    def __init__(self, tokenizer: Tokenizer, vectors: Tensor, name: str) -> None:
        super().__init__(tokenizer, None, name)
        self.register_buffer("vectors", vectors)

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return self.vectors.device

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        return self.vectors.shape[1]

    def forward(self, ids: Tensor, mask: Tensor) -> Embeddings:
        """Embed tokens ``[rows, tokens]``; returns ``[rows, dim]``."""
        return self._means(ids[mask.bool()], mask.sum(dim=1))

    def embed(self, rows: Sequence[TokenIds]) -> Embeddings:
        """Embed the token ids of each row, without padding; returns ``[rows, dim]``."""
        ids = np.concatenate(rows, dtype=np.int64, casting="unsafe")  # of no token, an empty float
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return self._means(torch.from_numpy(ids), torch.from_numpy(lengths))

    def _means(self, ids: Tensor, lengths: Tensor) -> Embeddings:
        starts = lengths.cumsum(dim=0) - lengths
        return embedding_bag(ids.to(self.device), self.vectors, starts.to(self.device), mode="mean")

    def weights(self) -> dict[str, Tensor]:
        """Return the vectors."""
        return {"vectors": self.vectors}

    def settings(self) -> str:
        """Say what kind of encoder it is."""
        return "static"


def load_static(folder: Path, name: str) -> StaticEncoder | None:
    """Load a folder that holds a static model and nothing else; None where it holds another."""
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    config = json.loads((folder / "config_sentence_transformers.json").read_text(encoding="utf-8"))
    if [module["type"] for module in modules] != [MODULE] or any(config["prompts"].values()):
        return None
    place = folder / modules[0]["path"]
    tokenizer = Tokenizer.from_file(str(place / "tokenizer.json"))
    vectors = load_file(place / "model.safetensors")[VECTORS]
    tokens = max(tokenizer.get_vocab().values()) + 1
    if tokenizer.num_special_tokens_to_add(False) or vectors.shape[0] < tokens:
        return None
    return StaticEncoder(tokenizer, vectors, name) if vectors.dtype == torch.float32 else None
