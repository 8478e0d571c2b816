"""`VectorDecoder`: a mapping and a language model that reads what it makes of a vector."""

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import CausalLMOutput

from sentemb.decoders.kinds import DecoderKind, with_noise
from sentemb.functional import next_token_loss

PADDING = -100
"""In the place of a token that is none."""


class VectorDecoder(nn.Module):
    r"""Predict the tokens of a text from its vector.

    .. math:: \mathcal L = -\frac1T \sum_t \log p(y_t \mid P(\sqrt d \, \hat e), y_{<t})

    Args:
        kind: How a vector becomes a prefix.
        dim: Numbers of a vector.
        language_model: A causal model of transformers.
        noise: Length of the noise of training; by default the kind's.
    """

    def __init__(
        self, kind: DecoderKind, dim: int, language_model: Any, noise: float | None = None
    ) -> None:
        super().__init__()
        self.kind, self.dim = kind, dim
        self.noise = kind.noise if noise is None else noise
        self.language_model = language_model
        width = int(language_model.get_input_embeddings().weight.shape[1])
        self.mapping = kind.mapping(dim, width)

    @property
    def prefix_length(self) -> int:
        """Tokens of a prefix."""
        return int(cast(Any, self.mapping).length)

    def prefix(self, vectors: Tensor) -> Tensor:
        """Return what the language model reads first, ``[rows, prefix, width]``.

        Args:
            vectors: ``[rows, dim]``; their lengths make no difference.
        """
        unit = with_noise(vectors, self.noise if self.training else 0.0)
        return cast(Tensor, self.mapping(math.sqrt(self.dim) * unit))

    def forward(self, vectors: Tensor, labels: Tensor, **further: Tensor) -> CausalLMOutput:
        """Return the loss of some texts, and the logits of each of their tokens.

        There is no mask: padding stands on the right, where no token before it looks.

        Args:
            vectors: Of the texts, ``[rows, dim]``.
            labels: Ids of their tokens and of the end, ``[rows, tokens]``; -100 is padding.
            further: What else `prefix` reads.
        """
        embeddings = self.language_model.get_input_embeddings()(labels.clamp(min=0))
        prefix = self.prefix(vectors, **further).to(embeddings.dtype)
        logits = self.language_model(
            inputs_embeds=torch.cat([prefix, embeddings], dim=1),
            logits_to_keep=labels.shape[1] + 1,
            use_cache=False,
        ).logits
        loss = next_token_loss(logits, labels, self.kind.smoothing if self.training else 0.0)
        return CausalLMOutput(loss=loss, logits=logits[:, :-1])
