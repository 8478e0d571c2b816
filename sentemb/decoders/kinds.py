"""The kinds of decoders: how a vector becomes a prefix, and what is done to it before."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from sentemb.decoders.mappings import (
    CorrectionMapping,
    LinearMapping,
    MLPMapping,
    TransformerMapping,
)

KindName = Literal["prefix", "prefix-transformer", "decap", "capdec", "corrector"]
NOISE = 3.2
"""Length of CapDec's noise: of variance 0.016 in each of 640 dimensions."""


@dataclass(frozen=True)
class DecoderKind:
    """What tells one kind of decoder from another.

    Args:
        mapping: From the widths of vectors and of the language model to the module between.
        noise: Length of the noise that vectors get in training; 0 for none.
        smoothing: Label smoothing of the loss.
        remembers: Whether a vector is projected onto a memory of texts before it is decoded.
        corrects: Whether it reads the text of another decoder, which it corrects.
    """

    mapping: Callable[[int, int], nn.Module]
    noise: float = 0.0
    smoothing: float = 0.0
    remembers: bool = False
    corrects: bool = False


KINDS: dict[str, DecoderKind] = {
    "prefix": DecoderKind(MLPMapping),
    "prefix-transformer": DecoderKind(TransformerMapping),
    "decap": DecoderKind(LinearMapping, smoothing=0.1, remembers=True),
    "capdec": DecoderKind(MLPMapping, noise=NOISE),
    "corrector": DecoderKind(CorrectionMapping, corrects=True),
}
"""ClipCap's two mappings (arXiv:2111.09734); DeCap (2303.03032); CapDec (2211.00575); vec2text
(2310.06816)."""


def with_noise(vectors: Tensor, length: float) -> Tensor:
    r"""Return unit vectors with noise of an expected length, at length 1 again.

    .. math:: e' = \frac{\hat e + n}{\lVert \hat e + n \rVert}, \quad \hat e = e / \lVert e \rVert,
        \quad n \sim \mathcal N(0, \sigma^2 I), \quad d \sigma^2 = \ell^2

    The mean cosine of the two is about :math:`1 / \sqrt{1 + \ell^2}` whatever the dimensions d.

    Args:
        vectors: ``[rows, dim]``.
        length: ℓ; 0 adds none.

    Source: Nukrai et al., 2022, CapDec (arXiv:2211.00575). Deviation: the length is given in the
        place of the variance, so that encoders of any width get the same noise.
    """
    unit = F.normalize(vectors, dim=1)
    if not length:
        return unit
    deviation = length / math.sqrt(vectors.shape[1])
    return F.normalize(unit + deviation * torch.randn_like(unit), dim=1)
