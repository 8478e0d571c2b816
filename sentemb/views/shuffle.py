"""Token shuffle."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sentemb.types import Mask
from sentemb.views.draws import LARGEST, Draws


@dataclass(frozen=True)
class TokenShuffle:
    r"""Give each real token the place of another: the words stay, their order is lost.

    .. math:: x_i = w_{\pi(i)} + p_i, \qquad \pi \text{ a permutation of the real tokens}

    [CLS] and [SEP] take part, padding does not. The encoder's output is put back in the order of
    the tokens, so that row 0 is still [CLS] wherever it stood. With absolute positions this is
    ConSERT's permutation of the position ids; with relative or rotary positions, where position
    ids are ignored, it works as well.

    Source: Yan et al., 2021 (arXiv:2105.11741), section 3.2.
    """

    def __call__(self, mask: Mask, draws: Draws) -> Tensor:
        """Return which token stands at each place, shape ``[rows, tokens]``."""
        places = (~mask).to(torch.int8).argsort(dim=1, stable=True)  # the real ones first
        bits = draws.bits(mask.shape[1]).masked_fill(~mask, LARGEST)
        tokens = bits.argsort(dim=1, stable=True)
        return torch.empty_like(tokens).scatter_(1, places, tokens)
