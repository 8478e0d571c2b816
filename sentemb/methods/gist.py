"""GISTEmbed: pairs whose false negatives a teacher points out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sentemb.losses import Guided, InfoNCEWithinViews
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.methods.teachers import teacher_named
from sentemb.twins import Siamese
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def gist(
    encoder: "SentenceTransformer",
    teacher: str | None = None,
    columns: Sequence[str] = ("anchor", "positive", "negative"),
    temperature: float = 0.01,
    margin: float = 0.0,
    relative_margin: float = 0.0,
) -> Method:
    """GISTEmbed: no candidate is a negative that a teacher finds nearer than the row's own pair.

    The teacher encodes each distinct text once, before the first step. Another loss that contrasts
    is guided in the same way; one that reads the teacher, as `SimilarityKL`, takes its place.

    Args:
        encoder: Any; a raw one gets ``mean`` pooling.
        teacher: A bundled encoder, a folder or a hub id, which does not train; or a file of texts
            and their vectors, as `encode` writes it.
        columns: Anchor, positive and, where there is one, hard negative.
        temperature: τ; raising it weighs easy negatives more.
        margin: By how much less similar than the pair a negative must be; raising it leaves out
            more.
        relative_margin: The same, as a share of the pair's own similarity.

    Raises:
        UsageError: When there is no teacher, or a margin is negative.
        InputError: When the teacher cannot be found or read.

    Source: Solatorio, 2024, GISTEmbed (arXiv:2402.16829). The margins are those of
        sentence-transformers.
    """
    known = teacher_named(teacher, "gist")
    return Method(
        views=tuple(View(column) for column in columns),
        twin=Siamese(encoder).taught_by(known),
        loss=Guided(InfoNCEWithinViews(temperature), margin, relative_margin),
    )


GIST = Recipe(
    gist,
    citation="Solatorio, 2024, GISTEmbed (arXiv:2402.16829)",
    layouts=(("anchor", "positive", "negative"), ("anchor", "positive")),
    bundled_data="triplets.csv",
    batch_size=128,
    learning_rate=5e-5,
    epochs=3,
)
