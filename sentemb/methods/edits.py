"""Contrast of edits of one sentence: EDA, crops, many crops, edits that are known."""

from typing import TYPE_CHECKING, Literal

from sentemb.encoders import EmbeddingNeighbours
from sentemb.losses import InfoNCE, NTXent
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import Equivariant, MultiCrop, Siamese
from sentemb.values import require_at_least
from sentemb.views import (
    EDA,
    Crop,
    TokenShuffle,
    View,
    WordDropout,
    WordNet,
    WordRepetition,
)

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def eda(
    encoder: "SentenceTransformer",
    alpha: float = 0.1,
    synonyms: Literal["neighbours", "wordnet"] = "neighbours",
    keep_negations: bool = False,
    temperature: float = 0.1,
) -> Method:
    """Contrast two easy data augmentations of one sentence.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        alpha: α, the rate of words that an edit changes, in [0, 1].
        synonyms: From the encoder's own word embeddings, or from WordNet (an extra).
        keep_negations: Never delete, replace or move a "not" or its like.
        temperature: τ; raising it weighs easy negatives more.

    Source: the edits are those of Wei and Zou, 2019 (arXiv:1901.11196), the objective is SimCLR's
        (arXiv:2002.05709); the settings are ours.
    """
    source = WordNet() if synonyms == "wordnet" else EmbeddingNeighbours(encoder)
    view = View(edit=EDA(source, alpha, keep_negations))
    return Method(views=(view, view), twin=Siamese(encoder), loss=NTXent(temperature))


def crop(encoder: "SentenceTransformer", rate: float = 0.2, temperature: float = 0.05) -> Method:
    """Contrast two crops of one text.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        rate: The share of words that a crop loses, in [0, 1].
        temperature: τ; raising it weighs easy negatives more.

    Source: after González-Márquez et al., 2025 (arXiv:2508.03453). Deviations: their crops are
        consecutive sentences of a long text, ours consecutive words; rate and settings are ours.
    """
    view = View(edit=Crop(rate))
    return Method(views=(view, view), twin=Siamese(encoder), loss=InfoNCE(temperature))


def multi_crop(
    encoder: "SentenceTransformer", crops: int = 4, rate: float = 0.5, temperature: float = 0.05
) -> Method:
    """Contrast two views of a sentence with each other, and short crops of it with both.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        crops: How many, beside two views by dropout.
        rate: The share of words that a crop loses, in [0, 1].
        temperature: τ; raising it weighs easy negatives more.

    Source: Caron et al., 2020, SwAV (arXiv:2006.09882), for the crops; the objective
        is SimCSE's.
    """
    require_at_least(0, crops=crops)
    short = (View(edit=Crop(rate)),) * crops
    return Method((View(), View(), *short), MultiCrop(encoder), InfoNCE(temperature))


def equivariant(
    encoder: "SentenceTransformer", rate: float = 0.2, temperature: float = 0.05
) -> Method:
    """Predict how deletion, repetition and another order of words change a sentence's embedding.

    Args:
        encoder: Any encoder; a raw one gets ``mean`` pooling.
        rate: The share of words that are deleted, and at most repeated, in [0, 1].
        temperature: τ; raising it weighs easy negatives more.

    Source: Dangovski et al., 2022 (arXiv:2111.00899), for the aim; the edits are those of
        `WordDropout`, `WordRepetition` and `TokenShuffle`, the rest is ours.
    """
    edits = (
        View(edit=WordDropout(rate)),
        View(edit=WordRepetition(rate)),
        View(order=TokenShuffle()),
    )
    twin = Equivariant(encoder, edits=len(edits))
    return Method((View(), *edits), twin, InfoNCE(temperature))


EDA_CONTRAST = Recipe(
    eda,
    citation="Wei and Zou, 2019, EDA (arXiv:1901.11196)",
)

CROP_CONTRAST = Recipe(
    crop,
    citation="González-Márquez et al., 2025 (arXiv:2508.03453)",
)

MULTI_CROP = Recipe(
    multi_crop,
    citation="Caron et al., 2020, SwAV (arXiv:2006.09882)",
)

EQUIVARIANT = Recipe(
    equivariant,
    citation="Dangovski et al., 2022 (arXiv:2111.00899)",
)
