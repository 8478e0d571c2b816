"""Embedding distillation: a student learns the vectors of a teacher."""

from typing import TYPE_CHECKING, Literal

from sentemb.losses import CosineDistillation
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.methods.teachers import taught, teacher_named
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def distill(
    encoder: "SentenceTransformer",
    teacher: str | None = None,
    match: Literal["linear", "pca"] = "linear",
) -> Method:
    """Embedding distillation: the vector of a sentence is to be the teacher's.

    The teacher encodes each distinct sentence once, before the first step. A loss that contrasts,
    as `InfoNCE`, takes the teacher's vectors of the other rows for negatives.

    Args:
        encoder: The student, any encoder; a raw one gets ``mean`` pooling.
        teacher: A bundled encoder, a folder or a hub id, which does not train; or a file of texts
            and their vectors, as `encode` writes it.
        match: How unequal widths are made equal. linear puts a layer behind the student that is
            used in training only; pca narrows a wider teacher to its principal components, so that
            the student's own vectors are compared.

    The recipe's learning rate is for small students; one of BERT's size wants a tenth of it.

    Raises:
        UsageError: When there is no teacher, or pca would have to widen it.
        InputError: When the teacher cannot be found or read.

    Source: Reimers and Gurevych, 2020 (arXiv:2004.09813), for one language; Kim et al., 2023,
        EmbedDistill (arXiv:2301.12005), for the layer.
    """
    known = teacher_named(teacher, "distill")
    return Method((View(),), taught(encoder, known, match), CosineDistillation())


DISTILL = Recipe(
    distill,
    citation="Reimers and Gurevych, 2020, multilingual distillation (arXiv:2004.09813)",
    batch_size=128,
    learning_rate=1e-3,
    epochs=3,
    max_length=64,
    warmup=0.05,
)
