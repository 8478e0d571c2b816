"""SimCSE, without and with supervision."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sentemb.encoders import has_head
from sentemb.losses import InfoNCE
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import Siamese, mlp
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def simcse_unsup(encoder: "SentenceTransformer", temperature: float = 0.05) -> Method:
    """Unsupervised SimCSE: the two views of a sentence differ only by dropout.

    The head is used in training only; the deployed embedding is the last layer's [CLS] itself.
    An encoder that ends in a head of its own (pooling ``cls``) keeps it and gets no second one.

    Args:
        encoder: A raw encoder with ``cls_before_pooler`` pooling, as the paper has it.
        temperature: τ; raising it weighs easy negatives more.

    Source: Gao et al., 2021 (arXiv:2104.08821)
    """
    return Method(
        views=(View(), View()),
        twin=Siamese(encoder, projector=None if has_head(encoder) else mlp(encoder)),
        loss=InfoNCE(temperature),
    )


def simcse_sup(
    encoder: "SentenceTransformer",
    columns: Sequence[str] = ("anchor", "positive", "negative"),
    temperature: float = 0.05,
    hard_negative_weight: float = 1.0,
) -> Method:
    """Supervised SimCSE: a premise, what it entails and what contradicts it.

    The head is kept: it is part of the encoder (pooling ``cls``).

    Args:
        encoder: A raw encoder with ``cls`` pooling, as the paper has it.
        columns: Anchor, positive and, where there is one, hard negative.
        temperature: τ; raising it weighs easy negatives more.
        hard_negative_weight: α of an anchor's own hard negative, > 0; 1 treats it as any other.

    Source: Gao et al., 2021 (arXiv:2104.08821)
    """
    return Method(
        views=tuple(View(column) for column in columns),
        twin=Siamese(encoder),
        loss=InfoNCE(temperature, hard_negative_weight),
    )


SIMCSE_UNSUP = Recipe(
    simcse_unsup,
    layouts=(("text",),),
    embedded_data="sentences.txt",
    pooling="cls_before_pooler",
    batch_size=64,
    learning_rate=3e-5,
    epochs=1,
    citation="Gao et al., 2021, SimCSE (arXiv:2104.08821)",
)

SIMCSE_SUP = Recipe(
    simcse_sup,
    layouts=(("anchor", "positive", "negative"), ("anchor", "positive")),
    embedded_data="triplets.csv",
    pooling="cls",
    batch_size=512,
    learning_rate=5e-5,
    epochs=3,
    citation="Gao et al., 2021, SimCSE (arXiv:2104.08821)",
)
