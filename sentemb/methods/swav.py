"""SwAV."""

from typing import TYPE_CHECKING

from sentemb.losses import SwappedPrediction
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import Prototypes, layers
from sentemb.twins.heads import width
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def swav(
    encoder: "SentenceTransformer",
    prototypes: int = 128,
    queue_size: int = 256,
    frozen_steps: int = 10,
    temperature: float = 0.1,
    epsilon: float = 0.05,
    projection: int = 128,
) -> Method:
    """SwAV: each view predicts which prototypes the other was given.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        prototypes: How many; at most a batch and the queue.
        queue_size: Past embeddings that are shared out along with a batch; 0 for none.
        frozen_steps: Steps at the start in which the prototypes stay as they are.
        temperature: τ of the prediction.
        epsilon: ε of Sinkhorn; raising it makes codes softer.
        projection: Dimensions of a prototype.

    Source: Caron et al., 2020, SwAV (arXiv:2006.09882). Deviations: two views, by dropout; few
        prototypes, for small batches.
    """
    head = layers(encoder, width(encoder), projection)
    twin = Prototypes(encoder, prototypes, head, queue_size, frozen_steps)
    return Method((View(), View()), twin, SwappedPrediction(temperature, epsilon))


SWAV = Recipe(
    swav,
    citation="Caron et al., 2020, SwAV (arXiv:2006.09882)",
)
