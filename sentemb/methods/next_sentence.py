"""Next-sentence prediction."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sentemb.losses import CrossEntropy
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import NextSentence
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def nsp(encoder: "SentenceTransformer", columns: Sequence[str] = ("anchor", "positive")) -> Method:
    """Next-sentence prediction: does the second sentence follow the first, or one of another row?

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        columns: A sentence, and the one that follows it.

    Source: Devlin et al., 2019, BERT (arXiv:1810.04805), section 3.1, task 2.
    """
    views = tuple(View(column) for column in columns)
    return Method(views, NextSentence(encoder), CrossEntropy())


NSP = Recipe(
    nsp,
    citation="Devlin et al., 2019, BERT (arXiv:1810.04805)",
    layouts=(("anchor", "positive"),),
    bundled_data="triplets.csv",
    learning_rate=5e-5,
    epochs=3,
)
