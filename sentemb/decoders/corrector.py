"""`VectorCorrector`: a decoder that also reads a hypothesis, and the vector of that."""

from typing import Any, cast

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from sentemb.decoders.kinds import DecoderKind
from sentemb.decoders.vector_decoder import VectorDecoder


class VectorCorrector(VectorDecoder):
    r"""Predict the tokens of a text from its vector and another decoder's hypothesis.

    .. math:: \mathcal L = -\frac1T \sum_t \log p(y_t \mid P(e, E(h), e - E(h), h),\, y_{<t})

    Args:
        kind: Of `KINDS`, one that corrects.
        dim: Numbers of a vector.
        language_model: A causal model of transformers.
        end: The id of the token that ends a text.
        tokens: Of the longest hypothesis; all are brought to this length by further ends.

    Source: Morris et al., 2023, vec2text (arXiv:2310.06816). Deviations: a causal model reads all
        as its prefix, in the place of an encoder with a decoder; hypotheses are padded with ends.
    """

    def __init__(
        self, kind: DecoderKind, dim: int, language_model: Any, end: int, tokens: int
    ) -> None:
        super().__init__(kind, dim, language_model)
        self.end, self.tokens = end, tokens

    @property
    def prefix_length(self) -> int:
        """Tokens of a prefix, those of the hypothesis among them."""
        return super().prefix_length + self.tokens

    def prefix(  # type: ignore[override]  # it reads more
        self, vectors: Tensor, hypotheses: Tensor, again: Tensor
    ) -> Tensor:
        """Return what the language model reads first, ``[rows, prefix, width]``.

        Args:
            vectors: e, ``[rows, dim]``; their lengths make no difference.
            hypotheses: h, with ends behind them, ``[rows, tokens]``.
            again: E(h), ``[rows, dim]``; their lengths make no difference.
        """
        unit, other = (self.dim**0.5 * F.normalize(x, dim=1) for x in (vectors, again))
        table = self.language_model.get_input_embeddings()
        end = table(hypotheses.new_tensor(self.end))
        return cast(Tensor, self.mapping(unit, other, table(hypotheses), end))
