"""Graded pairs, trained by the order of their scores."""

from typing import TYPE_CHECKING

from sentemb.losses import CoSENT
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import Siamese
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def cosent(encoder: "SentenceTransformer", temperature: float = 0.05) -> Method:
    """CoSENT: the cosines of pairs take the order of their scores.

    Args:
        encoder: Trained as it is deployed, without a projector.
        temperature: τ; raising it weighs small violations of the order more.

    Source: Su, 2022 (kexue.fm/archives/8847).
    """
    return Method(
        views=(View("sentence1"), View("sentence2")),
        twin=Siamese(encoder),
        loss=CoSENT(temperature),
    )


COSENT = Recipe(
    cosent,
    citation="Su, 2022, CoSENT (kexue.fm/archives/8847)",
    layouts=(("sentence1", "sentence2", "score"),),
    bundled_data="scored.tsv",
    learning_rate=2e-5,
    epochs=3,
    max_length=64,
)
