"""ArcCSE's angular margin."""

from typing import TYPE_CHECKING

from sentemb.encoders import has_head
from sentemb.losses import InfoNCE
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import Siamese, mlp
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def arccse(
    encoder: "SentenceTransformer", temperature: float = 0.05, angle: float = 10.0
) -> Method:
    """ArcCSE: unsupervised SimCSE whose positive counts as farther by an angle.

    Args:
        encoder: A raw encoder with ``cls_before_pooler`` pooling.
        temperature: τ; raising it weighs easy negatives more.
        angle: The margin m in degrees, [0, 90].

    Source: Zhang et al., 2022, ArcCSE (ACL 2022). Deviation: without its triplets of masked
        sentences.
    """
    return Method(
        views=(View(), View()),
        twin=Siamese(encoder, projector=None if has_head(encoder) else mlp(encoder)),
        loss=InfoNCE(temperature, margin=angle),
    )


ARCCSE = Recipe(
    arccse,
    citation="Zhang et al., 2022, ArcCSE (ACL 2022)",
    pooling="cls_before_pooler",
)
