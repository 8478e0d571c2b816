"""Local aggregation: neighbours in a memory of all texts come nearer."""

from typing import TYPE_CHECKING

from sentemb.losses import LocalAggregation
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import BankedSiamese
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def local_aggregation(
    encoder: "SentenceTransformer",
    bank_size: int = 20_000,
    background: int = 1024,
    close: int = 4,
    temperature: float = 0.07,
) -> Method:
    """Contrast each sentence, and its nearest neighbours, with its wider neighbourhood.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        bank_size: Texts whose last embedding is kept; at least a batch, best all of the data.
        background: Nearest texts that are contrasted.
        close: Those of them, the nearest, that are positives; 0 for none.
        temperature: τ; raising it weighs easy negatives more.

    Source: Zhuang et al., 2019 (arXiv:1903.12355). Deviations: views by dropout; neighbours in
        place of clusters.
    """
    loss = LocalAggregation(temperature, background, close)
    return Method((View(), View()), BankedSiamese(encoder, bank_size), loss)


LOCAL_AGGREGATION = Recipe(
    local_aggregation,
    citation="Zhuang et al., 2019, local aggregation (arXiv:1903.12355)",
)
