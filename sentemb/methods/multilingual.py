"""Multilingual distillation: a translation gets the vector that a teacher has of its source."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from sentemb.losses import MSEDistillation
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.methods.teachers import taught, teacher_named
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def multilingual(
    encoder: "SentenceTransformer",
    teacher: str | None = None,
    columns: Sequence[str] = ("anchor", "positive"),
    match: Literal["linear", "pca"] = "linear",
) -> Method:
    r"""Multilingual distillation: a text and its translation are both to be the teacher's vector.

    .. math:: \tfrac12 \Bigl( \frac{1}{N d} \sum_i \lVert \hat x(s_i) - \hat t(s_i) \rVert^2
        + \frac{1}{N d} \sum_i \lVert \hat x(s'_i) - \hat t(s_i) \rVert^2 \Bigr)

    The teacher reads the source s alone, once and before the first step; its translation s' may be
    in a language that the teacher does not know. The student's tokenizer must know both.

    Args:
        encoder: The student, with a tokenizer of several languages; a raw one gets ``mean``
            pooling.
        teacher: A bundled encoder, a folder or a hub id, which does not train; or a file of texts
            and their vectors, as `encode` writes it.
        columns: The source, and its translation.
        match: How unequal widths are made equal, as in `distill`.

    Raises:
        UsageError: When there is no teacher, or pca would have to widen it.
        InputError: When the teacher cannot be found or read.

    Source: Reimers and Gurevych, 2020 (arXiv:2004.09813). Deviations: vectors of length 1, and half
        the sum, as in sentence-transformers.
    """
    known = teacher_named(teacher, "multilingual")
    views = tuple(View(column) for column in columns)
    return Method(views, taught(encoder, known, match), MSEDistillation())


MULTILINGUAL = Recipe(
    multilingual,
    citation="Reimers and Gurevych, 2020, multilingual distillation (arXiv:2004.09813)",
    layouts=(("anchor", "positive"),),
    bundled_data="triplets.csv",
    batch_size=64,
    learning_rate=2e-5,
    epochs=5,
    max_length=128,
)
