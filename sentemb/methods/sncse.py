"""SNCSE."""

from typing import TYPE_CHECKING

from sentemb.encoders import has_head
from sentemb.losses import BidirectionalMargin, Sum, WeightedInfoNCE
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import Siamese, mlp
from sentemb.views import Negate, View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def sncse(
    encoder: "SentenceTransformer",
    temperature: float = 0.05,
    margin: float = 0.1,
    most: float = 0.3,
    margin_weight: float = 4e-3,
) -> Method:
    """SNCSE: the negation of a sentence is a soft negative, a little farther than the positive.

    The negation is not contrasted: it is in the margins alone.

    Args:
        encoder: A raw encoder with ``cls_before_pooler`` pooling.
        temperature: τ; raising it weighs easy negatives more.
        margin: How much farther a negation is at least, a difference of cosines.
        most: How much farther it is at most.
        margin_weight: Of the margins beside InfoNCE. The authors have 0.001, for thousands of
            steps; the bundled encoder needs more to learn them in 150.

    Source: Wang and Dou, 2023, SNCSE (arXiv:2201.05979), and the authors' code. Deviation: the
        embedding is [CLS] in place of [MASK] in a prompt, and the margins weigh more; `Negate`
        says how it finds verbs.
    """
    return Method(
        views=(View(), View(), View(edit=Negate())),
        twin=Siamese(encoder, projector=None if has_head(encoder) else mlp(encoder)),
        loss=Sum(
            (
                WeightedInfoNCE(temperature, hard_negative_weight=0.0, others_weight=0.0),
                BidirectionalMargin(margin, most),
            ),
            weights=(1.0, margin_weight),
        ),
    )


SNCSE = Recipe(
    sncse,
    citation="Wang and Dou, 2023, SNCSE (arXiv:2201.05979)",
    pooling="cls_before_pooler",
    batch_size=256,
    learning_rate=1e-5,
)
