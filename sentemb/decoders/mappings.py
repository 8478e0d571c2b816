"""Mappings of a vector to the prefix that a language model reads in the place of tokens."""

import math

import torch
from torch import Tensor, nn

PREFIX = 4
"""Tokens of a prefix; ClipCap has 10, which cost a short text nearly as much again."""


class MLPMapping(nn.Module):
    r"""Map a vector by two layers.

    .. math:: P = W_2 \tanh(W_1 e), \quad W_1 \in \mathbb R^{hk/2 \times d},\;
        W_2 \in \mathbb R^{hk \times hk/2}

    ``e`` is ``[rows, dim]``, the prefix P ``[rows, length, width]``, h the width and k the length.

    Args:
        dim: Numbers of a vector.
        width: Of the language model's embeddings.
        length: Tokens of the prefix.

    Source: Mokady et al., 2021, ClipCap (arXiv:2111.09734).
    """

    def __init__(self, dim: int, width: int, length: int = PREFIX) -> None:
        super().__init__()
        self.length = length
        inner = width * length // 2
        self.layers = nn.Sequential(
            nn.Linear(dim, inner), nn.Tanh(), nn.Linear(inner, width * length)
        )

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the prefix of each vector, ``[rows, length, width]``."""
        return self.layers(vectors).unflatten(1, (self.length, -1))  # type: ignore[no-any-return]


class TransformerMapping(nn.Module):
    """Map a vector by a transformer over ``clip_length`` tokens made of it and learned constants.

    The prefix is what comes out at the constants.

    Args:
        dim: Numbers of a vector.
        width: Of the language model's embeddings.
        length: Tokens of the prefix, and tokens that the vector is made into.
        layers: Of the transformer.
        heads: Of its attention, or fewer, so that they divide the width.

    Source: Mokady et al., 2021, ClipCap (arXiv:2111.09734), which has 8 layers of 8 heads.
        Deviation: 2 layers, for language models of a few million parameters.
    """

    def __init__(
        self, dim: int, width: int, length: int = PREFIX, layers: int = 2, heads: int = 8
    ) -> None:
        super().__init__()
        self.length = length
        self.made = nn.Linear(dim, width * length)
        self.constants = nn.Parameter(torch.randn(length, width))
        layer = nn.TransformerEncoderLayer(
            width, math.gcd(heads, width), 2 * width, dropout=0.0, activation="relu",
            batch_first=True, norm_first=True,
        )  # fmt: skip
        self.transformer = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the prefix of each vector, ``[rows, length, width]``."""
        made = self.made(vectors).unflatten(1, (self.length, -1))
        constants = self.constants.expand(len(vectors), -1, -1)
        read = self.transformer(torch.cat([made, constants], dim=1))
        return read[:, self.length :]  # type: ignore[no-any-return]


class LinearMapping(nn.Module):
    """Map a vector by one layer to a prefix of one token.

    Args:
        dim: Numbers of a vector.
        width: Of the language model's embeddings.

    Source: Li et al., 2023, DeCap (arXiv:2303.03032).
    """

    length = 1

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(dim, width)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the prefix of each vector, ``[rows, 1, width]``."""
        return self.layer(vectors).unsqueeze(1)  # type: ignore[no-any-return]


class CorrectionMapping(nn.Module):
    r"""Map a vector, a hypothesis's vector, their difference, and its tokens.

    .. math:: P = \operatorname{LN}\left(\left[\,s, M_1(e), s, M_2(\hat e), s, M_3(e - \hat e),
        s, w_1 \dots w_n\right]\right), \quad M_i(x) = B_i \operatorname{GELU}(A_i x)

    s is the embedding of the token that ends a text, w those of the hypothesis.

    Args:
        dim: Numbers of a vector.
        width: Of the language model's embeddings.
        length: Tokens that each of the three vectors is made into.

    Source: Morris et al., 2023, vec2text (arXiv:2310.06816), whose length is 16.
    """

    def __init__(self, dim: int, width: int, length: int = PREFIX) -> None:
        super().__init__()
        self.length = 3 * (1 + length) + 1
        self.each = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, length * width))
            for _ in range(3)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, vectors: Tensor, again: Tensor, words: Tensor, end: Tensor) -> Tensor:
        """Return the prefix of each vector, ``[rows, length + tokens, width]``.

        Args:
            vectors: e, ``[rows, dim]``.
            again: ê, ``[rows, dim]``.
            words: w, ``[rows, tokens, width]``.
            end: s, ``[width]``.
        """
        ends = end.expand(len(vectors), 1, -1)
        parts = []
        for mapping, read in zip(self.each, (vectors, again, vectors - again), strict=True):
            parts += [ends, mapping(read).unflatten(1, (-1, len(end)))]
        return self.norm(torch.cat([*parts, ends, words], dim=1))  # type: ignore[no-any-return]
