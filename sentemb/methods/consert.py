"""ConSERT, without and with supervision."""

from typing import TYPE_CHECKING

from sentemb.encoders import last_layer_mean, set_dropout
from sentemb.losses import CrossEntropy, EachSentence, NTXent, Sum
from sentemb.method import Method
from sentemb.methods.recipe import Recipe
from sentemb.twins import PairClassifier, Siamese
from sentemb.views import FeatureCutoff, TokenCutoff, TokenShuffle, View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def consert(
    encoder: "SentenceTransformer", temperature: float = 0.1, dropout: float = 0.0
) -> Method:
    """ConSERT: two views of a sentence differ by changes of its token embeddings.

    Trained on the mean of the last layer, deployed with the mean of the last two (pooling
    ``avg_top2``); an encoder with another pooling trains with that. No projector.

    Args:
        encoder: A raw encoder with ``avg_top2`` pooling, as the paper has it.
        temperature: τ; raising it weighs easy negatives more.
        dropout: Of the encoder, in this training; 0 as the paper's base run, 0.1 in the others.

    Source: Yan et al., 2021 (arXiv:2105.11741) and the authors' repository, unsupervised base
        run. Deviations: the loss is not scaled by 2 × 0.15, AdamW is PyTorch's, and one epoch at
        SimCSE's learning rate takes the place of ten at 5e-7, which leave a small encoder as it
        was: ``learning_rate=5e-7, epochs=10`` is the paper's run.
    """
    set_dropout(encoder, dropout)
    return Method(
        views=(View(perturb=FeatureCutoff(0.2)), View(order=TokenShuffle())),
        twin=Siamese(encoder, pooling=last_layer_mean(encoder)),
        loss=NTXent(temperature),
    )


def consert_sup(
    encoder: "SentenceTransformer",
    classes: int = 3,
    temperature: float = 0.1,
    contrast_weight: float = 0.15,
) -> Method:
    """Joint ConSERT: classify labelled pairs, and contrast two views of each of their sentences.

    The classifier sees the clean sentences. With ``contrast_weight`` 0 this is the paper's SBERT
    baseline.

    Args:
        encoder: A raw encoder with ``avg_top2`` pooling, as the paper has it.
        classes: How many labels there are.
        temperature: τ of the contrast.
        contrast_weight: Of the contrast beside the cross-entropy, as the authors' repository
            counts it: the sum of both halves' means.

    Source: Yan et al., 2021 (arXiv:2105.11741) and the authors' repository, supervised joint run.
    """
    cutoff = TokenCutoff(0.1)
    return Method(
        views=(
            View("sentence1"),
            View("sentence2"),
            View("sentence1", perturb=cutoff),
            View("sentence2", perturb=cutoff),
        ),
        twin=PairClassifier(encoder, classes, pooling=last_layer_mean(encoder)),
        loss=Sum(
            (CrossEntropy(), EachSentence(NTXent(temperature))),
            weights=(1.0, 2 * contrast_weight),
        ),
    )


CONSERT = Recipe(
    consert,
    citation="Yan et al., 2021, ConSERT (arXiv:2105.11741)",
    pooling="avg_top2",
    batch_size=96,
    learning_rate=3e-5,
    max_length=64,
    warmup=0.1,
    weight_decay=0.01,
    eval_steps=200,
)

CONSERT_SUP = Recipe(
    consert_sup,
    citation="Yan et al., 2021, ConSERT (arXiv:2105.11741)",
    layouts=(("sentence1", "sentence2", "label"),),
    bundled_data="nli.tsv",
    pooling="avg_top2",
    batch_size=96,
    learning_rate=2e-5,
    max_length=64,
    warmup=0.1,
    weight_decay=0.01,
    eval_steps=200,
)
