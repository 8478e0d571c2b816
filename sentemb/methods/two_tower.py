"""Two encoders, one for each side of a pair."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sentemb.losses import SymmetricInfoNCE
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import TwoTower
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def two_tower(
    encoder: "SentenceTransformer",
    columns: Sequence[str] = ("anchor", "positive", "negative"),
    temperature: float = 0.07,
) -> Method:
    """Two towers: anchors and positives have an encoder each, from one start.

    The model folder is the anchors' encoder; ``positive`` in it is the other.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        columns: Anchor, positive and, where there is one, hard negative.
        temperature: τ at the start; it is learned.

    Source: Radford et al., 2021, CLIP (arXiv:2103.00020), for the loss; Karpukhin et al., 2020, DPR
        (arXiv:2004.04906), for two encoders of texts.
    """
    twin = TwoTower(encoder, copy.deepcopy(encoder))
    return Method(tuple(View(column) for column in columns), twin, SymmetricInfoNCE(temperature))


TWO_TOWER = Recipe(
    two_tower,
    citation="Karpukhin et al., 2020, DPR (arXiv:2004.04906)",
    layouts=(("anchor", "positive", "negative"), ("anchor", "positive")),
    bundled_data="triplets.csv",
    learning_rate=5e-5,
    epochs=3,
)
