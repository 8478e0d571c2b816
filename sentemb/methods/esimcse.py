"""ESimCSE."""

from typing import TYPE_CHECKING

from sentemb.encoders import has_head
from sentemb.losses import InfoNCE
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import ConstantMomentum, EncoderTwin, QueuedSiamese, Siamese, mlp
from sentemb.views import SubwordRepetition, View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def esimcse(
    encoder: "SentenceTransformer",
    temperature: float = 0.05,
    repetition: float = 0.32,
    queue_size: int = 160,
    momentum: float = 0.995,
) -> Method:
    """ESimCSE: positives repeat some of their sub-words; a queue of the past adds negatives.

    Args:
        encoder: A raw encoder with ``cls_before_pooler`` pooling, as the paper has it.
        temperature: τ; raising it weighs easy negatives more.
        repetition: Largest rate of a positive's sub-words that are repeated, in [0, 1].
        queue_size: Past embeddings kept as negatives; two and a half batches in the paper, where
            more did harm. 0 for none.
        momentum: Of the copy that embeds them, the weight of its old self, in [0, 1].

    Source: Wu et al., 2022 (arXiv:2109.04380), and the authors' repository.
    """
    head = None if has_head(encoder) else mlp(encoder)
    twin: EncoderTwin = Siamese(encoder, projector=head)
    if queue_size:
        twin = QueuedSiamese(encoder, ConstantMomentum(momentum), queue_size, projector=head)
    return Method(
        views=(View(), View(edit_tokens=SubwordRepetition(repetition))),
        twin=twin,
        loss=InfoNCE(temperature),
    )


ESIMCSE = Recipe(
    esimcse,
    citation="Wu et al., 2022, ESimCSE (arXiv:2109.04380)",
    pooling="cls_before_pooler",
)
