"""SimCSE, without and with supervision."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sentemb.encoders import has_head
from sentemb.losses import DimensionWise, InfoNCE, Loss, Sum, WeightedInfoNCE
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import OffDropout, Siamese, mlp
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def simcse_unsup(encoder: "SentenceTransformer", temperature: float = 0.05) -> Method:
    """Unsupervised SimCSE: the two views of a sentence differ only by dropout.

    The head is used in training only; the deployed embedding is the last layer's [CLS] itself.
    An encoder that ends in a head (pooling ``cls``) keeps it and gets no second one.

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
    loss: Loss = InfoNCE(temperature)
    if hard_negative_weight != 1.0:
        loss = WeightedInfoNCE(temperature, hard_negative_weight)
    return Method(
        views=tuple(View(column) for column in columns),
        twin=Siamese(encoder),
        loss=loss,
    )


def simcse_plus_plus(
    encoder: "SentenceTransformer",
    temperature: float = 0.05,
    dimension_temperature: float = 5.0,
    dimension_weight: float = 0.1,
) -> Method:
    """SimCSE++: negatives without dropout's noise, and a contrast of dimensions.

    Args:
        encoder: A raw encoder with ``cls_before_pooler`` pooling, as the paper has it.
        temperature: τ; raising it weighs easy negatives more.
        dimension_temperature: τ of the contrast of dimensions.
        dimension_weight: Of that contrast beside InfoNCE.

    Source: Xu et al., 2023, SimCSE++ (arXiv:2305.13192), and the authors' code.
    """
    return Method(
        views=(View(), View()),
        twin=OffDropout(encoder, projector=None if has_head(encoder) else mlp(encoder)),
        loss=Sum(
            (InfoNCE(temperature), DimensionWise(dimension_temperature)),
            weights=(1.0, dimension_weight),
        ),
    )


SIMCSE_UNSUP = Recipe(
    simcse_unsup,
    citation="Gao et al., 2021, SimCSE (arXiv:2104.08821)",
    pooling="cls_before_pooler",
)

SIMCSE_SUP = Recipe(
    simcse_sup,
    citation="Gao et al., 2021, SimCSE (arXiv:2104.08821)",
    layouts=(("anchor", "positive", "negative"), ("anchor", "positive")),
    bundled_data="triplets.csv",
    pooling="cls",
    batch_size=512,
    learning_rate=5e-5,
    epochs=3,
)

SIMCSE_PLUS_PLUS = Recipe(
    simcse_plus_plus,
    citation="Xu et al., 2023, SimCSE++ (arXiv:2305.13192)",
    pooling="cls_before_pooler",
)
