"""tokenlearn: the vectors of tokens are trained until their mean is a teacher's vector."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from sentemb.bars import Progress
from sentemb.errors import InputError, NumericError, UsageError
from sentemb.inference.embedder import Embedder
from sentemb.inference.static import (
    SMOOTHING,
    Static,
    counted,
    real_tokens,
    sif_weights,
    token_vectors,
    tokenizer_of,
)
from sentemb.losses import CosineDistillation, Loss
from sentemb.losses.combine import total
from sentemb.pairs import Pairs
from sentemb.twins import PrincipalComponents
from sentemb.types import Vectors
from sentemb.words.token_means import (
    StaticSettings,
    TokenMeans,
    Tokens,
    tokenised,
    train_means,
)

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")
DIM = 240
"""Of BERT's vocabulary this is a table of 29 MB."""
AT_ONCE = 8192
SETTINGS = StaticSettings(epochs=2, batch_size=256, learning_rate=3e-3, warmup=0.0)
"""Gentler than those of pairs: the start is good."""


def tokenlearn(
    encoder: "SentenceTransformer",
    texts: Iterable[str],
    dim: int | None = None,
    loss: Loss | None = None,
    settings: StaticSettings = SETTINGS,
    smoothing: float = SMOOTHING,
) -> Static:
    r"""Train a static model to have the vectors of an encoder, its teacher.

    .. math:: \frac1n \sum_i w_{t_i} v_{t_i} \approx P^\top (e_s - \bar e)

    ``e``, ``[texts, width]``, are the teacher's vectors of whole texts; ``P``, ``[width, dim]``,
    are their first principal components. The vectors v start as the teacher's of single tokens,
    by P, scaled to a mean length of 1; the weights w start as SIF's, from the counts of tokens in
    the texts. Both are trained.

    Args:
        encoder: The teacher; left as it was.
        texts: What it is taught on, each distinct text once; texts without tokens are left out.
        dim: Numbers a vector; by default 240, or the teacher's width where that is smaller.
        loss: Compares the students' vectors with the teacher's; by default `CosineDistillation`. A
            loss that contrasts, as `InfoNCE`, has the teacher's vectors of the other texts as
            negatives.
        settings: How to train; by default 2 epochs of 256 rows at a learning rate of 3e-3.
        smoothing: a of SIF's weights at the start.

    Raises:
        UsageError: When ``dim`` is out of range.
        InputError: When the encoder is static or has no fast tokenizer, or there are
            fewer than two texts with tokens.
        NumericError: When the teacher's vector of a text, or the loss, is not finite.

    Source: tokenlearn (github.com/MinishLab/tokenlearn). Deviations: the cosine is the default loss
        in place of InfoNCE, tokens start in the teacher's own principal components and with SIF's
        weights in place of getting these afterwards, and training ends after a number of epochs.
    """
    loss = loss or CosineDistillation()
    tokenizer = tokenizer_of(encoder)
    tokens, width = real_tokens(tokenizer), int(encoder.get_embedding_dimension() or 0)
    kept = min(DIM, width) if dim is None else dim or width
    if not 1 <= kept <= width:
        raise UsageError(f"dim must be 0 (keep all) or from 1 to {width}, got {dim}.")
    distinct, rows = _with_tokens(texts, tokenizer)
    vectors = _taught(encoder, distinct)
    components = PrincipalComponents(width, kept)
    variance = components.fit(vectors)
    embedded = token_vectors(encoder, tokens)
    size = max(tokenizer.get_vocab().values()) + 1
    start, weights = np.zeros((size, kept)), np.zeros(size)
    projected = (embedded - embedded.mean(axis=0)) @ components.axes.numpy()
    start[tokens] = projected / np.linalg.norm(projected, axis=1).mean()
    weights[tokens] = sif_weights(counted(distinct, tokenizer, tokens), smoothing)
    means = TokenMeans(start, weights)

    def loss_of(numbers: NDArray[np.int64]) -> torch.Tensor:
        student = means([rows[number] for number in numbers])
        teacher = components(torch.from_numpy(vectors[numbers]))
        return total(loss(Pairs(student, teacher, teacher=teacher)))

    train_means(means, len(rows), loss_of, settings)
    return means.static(tokenizer, variance)


def _with_tokens(texts: Iterable[str], tokenizer: Tokenizer) -> tuple[list[str], list[Tokens]]:
    distinct = list(dict.fromkeys(texts))
    every = tokenised(distinct, tokenizer)
    known = [place for place, row in enumerate(every) if len(row)]
    if not known:
        raise InputError("The texts to learn from hold no token of the encoder's.")
    if len(known) < len(distinct):
        logger.info("%s texts without tokens left out", f"{len(distinct) - len(known):,}")
    return [distinct[place] for place in known], [every[place] for place in known]


def _taught(encoder: "SentenceTransformer", texts: list[str]) -> Vectors:
    """Return the teacher's vectors of texts."""
    found = []
    with Embedder(encoder) as embedder, Progress("teacher", len(texts), "texts") as shown:
        for start in range(0, len(texts), AT_ONCE):
            some = embedder.encode(texts[start : start + AT_ONCE])
            wrong = ~np.isfinite(some).all(axis=1)
            if wrong.any():
                number = start + int(wrong.argmax()) + 1
                raise NumericError(
                    f"The teacher's vector of distinct text {number:,} is not finite: "
                    f"{texts[number - 1][:60]!r}."
                )
            found.append(some)
            shown.add(len(some))
    return np.concatenate(found)
