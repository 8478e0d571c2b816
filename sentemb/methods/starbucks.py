"""Matryoshka over layers and dimensions, at fixed sizes."""

from typing import TYPE_CHECKING, Any

from sentemb.losses import InfoNCE
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import Layered, fixed_sizes
from sentemb.twins.heads import width
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def starbucks(encoder: "SentenceTransformer", temperature: float = 0.05, sizes: int = 6) -> Method:
    """SimCSE at fixed sizes: early layers, cut short, are trained to be embeddings too.

    `sentemb.twins.first_layers` cuts the trained encoder to one of them.

    Args:
        encoder: A raw encoder, with mean pooling.
        temperature: τ; raising it weighs easy negatives more.
        sizes: How many there are, at most as many as layers; see `fixed_sizes`.

    Source: Zhuang et al., 2024, Starbucks (arXiv:2410.13230). Deviation: without its divergence
        from the whole encoder's scores; pairs are two dropout masks of a sentence.
    """
    transformer: Any = encoder[0]
    layers = transformer.config.num_hidden_layers
    return Method(
        views=(View(), View()),
        twin=Layered(encoder, fixed_sizes(layers, width(encoder), sizes)),
        loss=InfoNCE(temperature),
    )


STARBUCKS = Recipe(
    starbucks,
    citation="Zhuang et al., 2024, Starbucks (arXiv:2410.13230)",
)
