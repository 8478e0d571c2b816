"""BYOL and SimSiam: nothing pushes apart."""

from typing import TYPE_CHECKING

from torch import nn

from sentemb.losses import NegativeCosine
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import CosineMomentum, MomentumPredictor, Siamese, between, layers
from sentemb.twins.heads import width
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def byol(encoder: "SentenceTransformer", momentum: float = 0.996, projection: int = 128) -> Method:
    """BYOL: each view predicts what a slowly moving copy makes of the other.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        momentum: Weight of the old copy at the first step, in [0, 1]; it rises to 1.
        projection: Dimensions that are predicted.

    Source: Grill et al., 2020, BYOL (arXiv:2006.07733). Deviations: views by dropout; the hidden
        layers are four times as wide as the encoder; minus the cosine in place of 2 − 2 cosines.
    """
    hidden = 4 * width(encoder)
    twin = MomentumPredictor(
        encoder,
        CosineMomentum(momentum),
        projector=layers(encoder, hidden, projection),
        predictor=between(projection, hidden, projection).to(encoder.device),
    )
    return Method((View(), View()), twin, NegativeCosine())


def simsiam(encoder: "SentenceTransformer") -> Method:
    """SimSiam: each view predicts the other, which gets no gradient.

    The predictor's learning rate does not decay.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.

    Source: Chen and He, 2021, SimSiam (arXiv:2011.10566). Deviation: views by dropout; heads as
        wide as the encoder.
    """
    dim = width(encoder)
    projector = layers(encoder, dim, dim, dim)
    projector.append(nn.BatchNorm1d(dim, affine=False, track_running_stats=False))
    predictor = between(dim, dim // 4, dim).to(encoder.device)
    twin = Siamese(encoder, projector=projector, predictor=predictor)
    return Method((View(), View()), twin, NegativeCosine())


BYOL = Recipe(
    byol,
    citation="Grill et al., 2020, BYOL (arXiv:2006.07733)",
)

SIMSIAM = Recipe(
    simsiam,
    citation="Chen and He, 2021, SimSiam (arXiv:2011.10566)",
)
