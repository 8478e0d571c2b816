"""Supervised contrastive learning of labelled sentences."""

from typing import TYPE_CHECKING

from sentemb.losses import SupConOut
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import Siamese
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def supcon(encoder: "SentenceTransformer", temperature: float = 0.1) -> Method:
    """SupCon: sentences of one label come together, by dropout's two views of each.

    Args:
        encoder: Trained as it is deployed, without a projector.
        temperature: τ; raising it weighs easy negatives more.

    Source: Khosla et al., 2020 (arXiv:2004.11362). Deviation: text, so dropout in place of crops,
        and no projector, so that what is deployed is what came together.
    """
    return Method(views=(View(), View()), twin=Siamese(encoder), loss=SupConOut(temperature))


SUPCON = Recipe(
    supcon,
    citation="Khosla et al., 2020, Supervised Contrastive Learning (arXiv:2004.11362)",
    layouts=(("text", "label"),),
    bundled_data="topics.tsv",
    learning_rate=5e-5,
    epochs=3,
)
