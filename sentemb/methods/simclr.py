"""SimCLR, with its projector dropped or kept in part."""

from typing import TYPE_CHECKING

from sentemb.encoders import has_head, keep_first_layer
from sentemb.losses import NTXent
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import Siamese, layers
from sentemb.twins.heads import width
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def simclr(
    encoder: "SentenceTransformer", temperature: float = 0.1, projection: int = 128
) -> Method:
    """SimCLR: both views through a projector of two layers that is dropped afterwards.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        temperature: τ; raising it weighs easy negatives more.
        projection: Dimensions that are contrasted.

    Source: Chen et al., 2020, SimCLR (arXiv:2002.05709). Deviation: views by dropout.
    """
    head = layers(encoder, width(encoder), projection)
    return Method((View(), View()), Siamese(encoder, projector=head), NTXent(temperature))


def simclr_v2(
    encoder: "SentenceTransformer", temperature: float = 0.1, projection: int = 128
) -> Method:
    """SimCLR v2: a projector of three layers, whose first stays in the encoder.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling. The layer is added to it, unless it
            ends in one.
        temperature: τ; raising it weighs easy negatives more.
        projection: Dimensions that are contrasted.

    Source: Chen et al., 2020, SimCLR v2 (arXiv:2006.10029), section 2. Deviations: views by
        dropout; the layer that stays has no batch normalisation, so that the model is a plain one.
    """
    if not has_head(encoder):
        keep_first_layer(encoder)
    head = layers(encoder, width(encoder), projection)
    return Method((View(), View()), Siamese(encoder, projector=head), NTXent(temperature))


SIMCLR = Recipe(
    simclr,
    citation="Chen et al., 2020, SimCLR (arXiv:2002.05709)",
)

SIMCLR_V2 = Recipe(
    simclr_v2,
    citation="Chen et al., 2020, SimCLR v2 (arXiv:2006.10029)",
)
