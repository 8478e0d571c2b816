"""Training of word vectors: a word's neighbours against noise, in batches of text."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sentemb.bars import Progress
from sentemb.errors import NumericError, UsageError
from sentemb.values import require_at_least, require_kinds_of_fields
from sentemb.words.word_corpus import WordCorpus
from sentemb.words.word_noise import contrast_with_noise, keep_probabilities, noise_distribution

logger = logging.getLogger("sentemb")
ROW = 64
"""Words that stand beside each other in a batch; a text is cut where a row ends."""
ROWS = 256
"""Rows of a batch at most; an epoch has 50 batches or more, where it has as many rows."""
SHARED = 20
"""Draws of noise that the words of a row share."""


@dataclass(frozen=True)
class WordSettings:
    """How word vectors are trained.

    Args:
        architecture: skip-gram contrasts a word with each neighbour, cbow the mean of the
            neighbours with the word.
        objective: What a score is: negative-sampling leaves it free, noise-contrastive
            makes it the logarithm of a probability.
        dim: Numbers a vector.
        window: Furthest neighbour on either side. Each word draws its own from 1 to this.
        noise: Draws of noise a pair, k.
        noise_exponent: Of the counts in the noise; 1 draws words as often as they occur.
        subsample: Words more frequent than this share are thinned out; 0 keeps all.
        epochs: Passes over the corpus.
        learning_rate: At the start; falls linearly to 0.
        seed: Of everything that is drawn.

    Raises:
        UsageError: When a value is out of its range.
    """

    architecture: Literal["skip-gram", "cbow"] = "skip-gram"
    objective: Literal["negative-sampling", "noise-contrastive"] = "negative-sampling"
    dim: int = 256
    window: int = 5
    noise: int = 5
    noise_exponent: float = 0.75
    subsample: float = 1e-3
    epochs: int = 5
    learning_rate: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        require_kinds_of_fields(self)
        whole = {name: getattr(self, name) for name in ("dim", "window", "noise", "epochs")}
        require_at_least(1, **whole)
        require_at_least(0, seed=self.seed)
        if not self.learning_rate > 0:
            raise UsageError(f"learning_rate must be above 0, got {self.learning_rate!r}.")
        for name in ("noise_exponent", "subsample"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{name} must be 0 or more, got {getattr(self, name)!r}.")


@dataclass(frozen=True)
class Batch:
    """Words that stand beside each other, and the noise of each row.

    Args:
        words: ``[rows, words]``.
        near: 1 where the second word is a neighbour of the first, ``[rows, words, words]``.
        noise: Words drawn for each row, ``[rows, draws]``.
    """

    words: Tensor
    near: Tensor
    noise: Tensor


class WordTable:
    """Vectors by number, trained by AdaGrad with one step size a vector.

    Args:
        vectors: ``[words, dim]``; changed in place.
    """

    def __init__(self, vectors: Tensor) -> None:
        self.vectors = vectors
        self.squares = torch.full((len(vectors),), 1e-10)

    def rows(self, ids: Tensor) -> Tensor:
        """Return the vectors of ids, to be differentiated by."""
        return self.vectors[ids].requires_grad_()

    def step(self, ids: Tensor, gradient: Tensor, rate: float) -> None:
        """Move the vectors of ids; gradients of equal ids are added up."""
        numbers, place = torch.unique(ids, return_inverse=True)
        summed = torch.zeros(len(numbers), self.vectors.shape[1])
        summed.index_add_(0, place.flatten(), gradient.flatten(0, -2))
        squares = self.squares[numbers] + summed.square().mean(dim=1)
        self.squares[numbers] = squares
        self.vectors[numbers] -= rate * summed / squares.sqrt().unsqueeze(1)


def train_words(
    corpus: WordCorpus, settings: WordSettings | None = None
) -> tuple[Tensor, list[float]]:
    """Train word vectors; returns those of words, ``[words, dim]``, and each epoch's mean loss.

    A word is contrasted with each of its neighbours in a text; the noise is drawn for rows of 64
    words, which share 20 draws, weighted so that a pair has k of them in expectation. Subsampled
    words leave before the windows are laid.

    Raises:
        UsageError: When there are more draws of noise a pair than words.
        NumericError: When the loss is not finite.

    Source: Mikolov et al., 2013 (arXiv:1310.4546). Deviations: batches of up to 16,384 words with
        shared noise, AdaGrad (Duchi et al., 2011) with a step size a vector, and a word that is
        drawn as its own noise is not skipped.
    """
    settings = settings or WordSettings()
    if settings.noise > len(corpus.words):
        raise UsageError(
            f"noise must be at most the {len(corpus.words):,} words of the vocabulary, got "
            f"{settings.noise:,}: lower it, or give more texts."
        )
    random = np.random.default_rng(settings.seed)
    count, dim = len(corpus.words), settings.dim
    start = (random.random((count, dim), np.float32) - 0.5) / dim
    words, contexts = WordTable(torch.from_numpy(start)), WordTable(torch.zeros(count, dim))
    q = noise_distribution(corpus.counts, settings.noise_exponent)
    nce = settings.objective == "noise-contrastive"
    shift = torch.from_numpy(np.log(settings.noise * q) if nce else np.zeros(count)).float()
    total, done = settings.epochs * len(corpus.ends), 0
    history: list[float] = []
    with Progress("training words", total, "texts") as shown:
        for _ in range(settings.epochs):
            loss = pairs = 0.0
            for texts, batch in _batches(corpus, settings, q, random):
                rate = settings.learning_rate * max(1 - done / total, 1e-4)
                value = _step(batch, words, contexts, shift, settings, rate)
                loss, pairs = loss + value, pairs + float(batch.near.sum())
                done += texts
                shown(done)
            history.append(loss / max(pairs, 1))
            if not np.isfinite(history[-1]):
                raise NumericError("The loss of the words is not finite: lower `learning_rate`.")
            logger.info("epoch %d: loss of a pair %.4f", len(history), history[-1])
    return words.vectors, history


def _step(
    batch: Batch,
    words: WordTable,
    contexts: WordTable,
    shift: Tensor,
    settings: WordSettings,
    rate: float,
) -> float:
    """Take one step; returns the batch's loss."""
    x, y, noise = words.rows(batch.words), contexts.rows(batch.words), contexts.rows(batch.noise)
    neighbours = batch.near.sum(dim=2, keepdim=True)
    if settings.architecture == "cbow":
        context = batch.near @ x / neighbours.clamp(min=1)
        known = (neighbours > 0).float()
        positive = (context * y).sum(dim=2, keepdim=True) - shift[batch.words].unsqueeze(2)
    else:
        context, known = x, batch.near
        positive = x @ y.mT - shift[batch.words].unsqueeze(1)
    draws = known.sum(dim=2, keepdim=True) * settings.noise / batch.noise.shape[1]
    drawn = context @ noise.mT - shift[batch.noise].unsqueeze(1)
    loss = contrast_with_noise(positive, drawn, known, draws)
    of_x, of_y, of_noise = torch.autograd.grad(loss, (x, y, noise))
    words.step(batch.words, of_x, rate)
    ids = torch.cat([batch.words.flatten(), batch.noise.flatten()])
    contexts.step(ids, torch.cat([of_y.flatten(0, 1), of_noise.flatten(0, 1)]), rate)
    return float(loss.detach())


def _batches(
    corpus: WordCorpus, settings: WordSettings, q: NDArray[np.float64], random: np.random.Generator
) -> Iterator[tuple[int, Batch]]:
    """Yield batches of an epoch's texts in a new order, and how many texts each has."""
    keep = keep_probabilities(corpus.shares, settings.subsample).astype(np.float32)
    starts = np.concatenate([[0], corpus.ends[:-1]])
    lengths = corpus.ends - starts
    order = random.permutation(len(starts))
    cumulated = q.cumsum()
    words = min(ROW * ROWS, max(ROW, len(corpus.ids) // 50))
    step = max(1, int(words / lengths.mean()))
    for begin in range(0, len(order), step):
        some = order[begin : begin + step]
        text = np.repeat(np.arange(len(some)), lengths[some])
        first = starts[some] - lengths[some].cumsum() + lengths[some]
        ids = corpus.ids[np.arange(len(text)) + first[text]]
        kept = random.random(len(ids), np.float32) < keep[ids]
        ids, text = ids[kept], text[kept]
        rows = -(-len(ids) // ROW)
        if not rows:
            continue
        padded = np.zeros((2, rows * ROW), np.int64)
        padded[0, : len(ids)], padded[1] = ids, -1
        padded[1, : len(ids)] = text
        reach = random.integers(1, settings.window + 1, rows * ROW)
        noise = np.searchsorted(cumulated, random.random((rows, SHARED)) * cumulated[-1], "right")
        numbers, texts = torch.from_numpy(padded).view(2, rows, ROW)
        near = _near(texts, torch.from_numpy(reach).view(rows, ROW))
        yield len(some), Batch(numbers, near, torch.from_numpy(noise))


def _near(texts: Tensor, reach: Tensor) -> Tensor:
    """Return which words are neighbours: of one text, and within the first's reach."""
    place = torch.arange(texts.shape[1])
    distance = (place[:, None] - place).abs()
    same = (texts[:, :, None] == texts[:, None, :]) & (texts[:, :, None] >= 0)
    return (same & (distance > 0) & (distance <= reach[:, :, None])).float()
