"""Barlow Twins and VICReg: dimensions that say different things, in place of negatives."""

from typing import TYPE_CHECKING

from torch import nn

from sentemb.losses import BarlowTwins, VICReg
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import Siamese, layers
from sentemb.twins.heads import width
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def barlow_twins(encoder: "SentenceTransformer", off_diagonal_weight: float = 5e-3) -> Method:
    """Barlow Twins: the cross-correlation of both views' dimensions is to be the identity.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        off_diagonal_weight: λ, of different dimensions.

    Source: Zbontar et al., 2021 (arXiv:2103.03230). Deviations: views by dropout; the projector is
        four times as wide as the encoder.
    """
    twin = Siamese(encoder, projector=_expander(encoder))
    return Method((View(), View()), twin, BarlowTwins(off_diagonal_weight))


def vicreg(
    encoder: "SentenceTransformer",
    invariance_weight: float = 25.0,
    variance_weight: float = 25.0,
    covariance_weight: float = 1.0,
) -> Method:
    """VICReg: views alike, every dimension spread, no two dimensions correlated.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        invariance_weight: λ, of the distance of both views.
        variance_weight: μ, of dimensions whose deviation is below 1.
        covariance_weight: ν, of correlated dimensions.

    Source: Bardes et al., 2022 (arXiv:2105.04906). Deviations: views by dropout; the expander is
        four times as wide as the encoder.
    """
    weights = (invariance_weight, variance_weight, covariance_weight)
    twin = Siamese(encoder, projector=_expander(encoder))
    return Method((View(), View()), twin, VICReg(*weights))


def _expander(encoder: "SentenceTransformer") -> nn.Module:
    wide = 4 * width(encoder)
    return layers(encoder, wide, wide, wide)


BARLOW_TWINS = Recipe(
    barlow_twins,
    citation="Zbontar et al., 2021, Barlow Twins (arXiv:2103.03230)",
)

VIC_REG = Recipe(
    vicreg,
    citation="Bardes et al., 2022, VICReg (arXiv:2105.04906)",
)
