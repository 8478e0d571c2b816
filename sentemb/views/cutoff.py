"""Cutoff: part of the token embeddings becomes zero."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sentemb.types import Mask, TokenEmbeddings
from sentemb.views.draws import Draws
from sentemb.views.rates import check_rate


@dataclass(frozen=True)
class TokenCutoff:
    r"""Zero the embeddings of :math:`\lfloor r n \rfloor` of a sentence's n real tokens.

    [CLS] and [SEP] may be among them. The attention mask stays: a zeroed token is attended to and
    counted by mean pooling. Sentences shorter than 1/r tokens are left as they are.

    Args:
        rate: r in [0, 1].

    Source: Yan et al., 2021 (arXiv:2105.11741), section 3.2, after Shen et al., 2020
        (arXiv:2009.13818).
    """

    rate: float = 0.1

    def __post_init__(self) -> None:
        check_rate(self, self.rate)

    def __call__(self, embeddings: TokenEmbeddings, mask: Mask, draws: Draws) -> TokenEmbeddings:
        """Return the embeddings with whole tokens zeroed."""
        cut = draws.choose(mask, _share(self.rate, mask.sum(dim=1)))
        return embeddings.masked_fill(cut.unsqueeze(2), 0.0)


@dataclass(frozen=True)
class SpanCutoff:
    r"""Zero :math:`\lfloor r n \rfloor` neighbouring tokens, from a random place.

    As `TokenCutoff` otherwise. The official code has a span cutoff without effect: its mask is
    inverted and computed too late.

    Args:
        rate: r in [0, 1].

    Source: Shen et al., 2020 (arXiv:2009.13818), section 3.1.
    """

    rate: float = 0.1

    def __post_init__(self) -> None:
        check_rate(self, self.rate)

    def __call__(self, embeddings: TokenEmbeddings, mask: Mask, draws: Draws) -> TokenEmbeddings:
        """Return the embeddings with one span zeroed."""
        tokens = mask.sum(dim=1)
        length = _share(self.rate, tokens)
        start = (draws.uniform(1).squeeze(1) * (tokens - length + 1)).long()
        place = mask.long().cumsum(dim=1) - 1  # of a real token among the real ones
        end = (start + length).unsqueeze(1)
        cut = mask & (place >= start.unsqueeze(1)) & (place < end)
        return embeddings.masked_fill(cut.unsqueeze(2), 0.0)


@dataclass(frozen=True)
class FeatureCutoff:
    r"""Zero :math:`\lfloor r d \rfloor` of the d dimensions, the same for all tokens of a sentence.

    Args:
        rate: r in [0, 1].

    Source: Yan et al., 2021 (arXiv:2105.11741), section 3.2.
    """

    rate: float = 0.2

    def __post_init__(self) -> None:
        check_rate(self, self.rate)

    def __call__(self, embeddings: TokenEmbeddings, mask: Mask, draws: Draws) -> TokenEmbeddings:
        """Return the embeddings with whole dimensions zeroed."""
        rows, _, dim = embeddings.shape
        among = torch.ones(rows, dim, dtype=torch.bool, device=mask.device)
        cut = draws.choose(among, _share(self.rate, among.sum(dim=1)))
        return embeddings.masked_fill(cut.unsqueeze(1), 0.0)


@dataclass(frozen=True)
class EmbeddingDropout:
    r"""Zero exactly :math:`\lfloor r n d \rfloor` elements of a sentence's n × d real embeddings.

    Unlike ``nn.Dropout``, the number is exact and the rest is not scaled up.

    Args:
        rate: r in [0, 1].

    Source: Yan et al., 2021 (arXiv:2105.11741), section 3.2.
    """

    rate: float = 0.2

    def __post_init__(self) -> None:
        check_rate(self, self.rate)

    def __call__(self, embeddings: TokenEmbeddings, mask: Mask, draws: Draws) -> TokenEmbeddings:
        """Return the embeddings with single elements zeroed."""
        among = mask.unsqueeze(2).expand(embeddings.shape).flatten(1)
        cut = draws.choose(among, _share(self.rate, among.sum(dim=1)))
        return embeddings.masked_fill(cut.view(embeddings.shape), 0.0)


def _share(rate: float, counts: Tensor) -> Tensor:
    """Return ⌊rate · count⌋ as Python's floats give it."""
    return (counts.double() * rate).long()
