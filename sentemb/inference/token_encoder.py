"""What embeds token ids by itself, without sentence-transformers."""

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from sentemb.encoders.padding import TokenIds, padded
from sentemb.inference.batches import USUAL
from sentemb.types import Embeddings


class TokenEncoder(nn.Module, metaclass=ABCMeta):
    """Token ids into vectors.

    Args:
        tokenizer: Of the tokenizers library.
        max_seq_length: Tokens a text is cut to; None, or infinity, for no limit.
        name: What messages call it.

    Attributes:
        pad_id: What shorter texts of a batch are filled with.
        usual_tokens: How many a forward takes on a CPU.
        embeds_no_tokens: Whether a text without a token has a vector.
        prompts: What may be put before texts, by name; all tokens of it are pooled.
    """

    pad_id = 0
    usual_tokens = USUAL
    embeds_no_tokens = False
    prompts: Mapping[str, str] = {}

    def __init__(self, tokenizer: Tokenizer, max_seq_length: int | None, name: str) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.max_seq_length = max_seq_length
        self.name = name

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where it is."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Numbers of a vector."""

    @abstractmethod
    def forward(self, ids: Tensor, mask: Tensor) -> Embeddings:
        """Embed tokens ``[rows, tokens]``; returns ``[rows, dim]``."""

    def embed(self, rows: Sequence[TokenIds]) -> Embeddings:
        """Embed the token ids of each row; returns ``[rows, dim]``."""
        given = (torch.from_numpy(part) for part in padded(rows, self.pad_id))
        return cast(Embeddings, self(*(x.to(self.device, non_blocking=True) for x in given)))

    @abstractmethod
    def weights(self) -> dict[str, Tensor]:
        """Return all numbers that vectors depend on, by name."""

    @abstractmethod
    def settings(self) -> str:
        """Say all else that vectors depend on."""
