"""WhitenedCSE."""

from typing import TYPE_CHECKING

from torch import nn

from sentemb.losses import InfoNCE
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import GroupWhitening, Siamese, mlp
from sentemb.twins.heads import width
from sentemb.views import SubwordRepetition, View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def whitenedcse(
    encoder: "SentenceTransformer",
    temperature: float = 0.05,
    group_width: int = 6,
    repetition: float = 0.32,
) -> Method:
    """WhitenedCSE: groups of dimensions are whitened over the batch before SimCSE's head.

    Args:
        encoder: A raw encoder with ``cls_before_pooler`` pooling.
        temperature: τ; raising it weighs easy negatives more.
        group_width: Dimensions of a group; divides their number. The paper's 128 groups are 6
            wide for BERT.
        repetition: Largest rate of a positive's sub-words that are repeated, in [0, 1].

    Source: Zhuo et al., 2023, WhitenedCSE (ACL 2023), and the authors' code. Deviation: one
        positive a sentence, where they have two.
    """
    head = nn.Sequential(GroupWhitening(width(encoder), group_width), mlp(encoder))
    return Method(
        views=(View(), View(edit_tokens=SubwordRepetition(repetition))),
        twin=Siamese(encoder, projector=head),
        loss=InfoNCE(temperature),
    )


WHITENEDCSE = Recipe(
    whitenedcse,
    citation="Zhuo et al., 2023, WhitenedCSE (ACL 2023)",
    pooling="cls_before_pooler",
    batch_size=128,
    learning_rate=1e-5,
)
