"""ESimCSE."""

from typing import TYPE_CHECKING

from sentemb.encoders import has_head
from sentemb.losses import InfoNCE
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import Siamese, mlp
from sentemb.views import SubwordRepetition, View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def esimcse(
    encoder: "SentenceTransformer", temperature: float = 0.05, repetition: float = 0.32
) -> Method:
    """ESimCSE without its queue: SimCSE whose positives repeat some of their sub-words.

    Args:
        encoder: A raw encoder with ``cls_before_pooler`` pooling, as the paper has it.
        temperature: τ; raising it weighs easy negatives more.
        repetition: Largest rate of a positive's sub-words that are repeated, in [0, 1].

    Source: Wu et al., 2022 (arXiv:2109.04380). Deviation: no queue of a momentum encoder's
        embeddings (the paper's table 4 has this variant too).
    """
    return Method(
        views=(View(), View(edit_tokens=SubwordRepetition(repetition))),
        twin=Siamese(encoder, projector=None if has_head(encoder) else mlp(encoder)),
        loss=InfoNCE(temperature),
    )


ESIMCSE = Recipe(
    esimcse,
    layouts=(("text",),),
    embedded_data="sentences.txt",
    pooling="cls_before_pooler",
    batch_size=64,
    learning_rate=3e-5,
    epochs=1,
    citation="Wu et al., 2022, ESimCSE (arXiv:2109.04380)",
)
