"""From words to sentences: the direction that all sentences share, and vectors without it."""

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import InputError
from sentemb.words.word_corpus import WordCorpus

Numbers = NDArray[np.float64]
SAMPLED = 100_000
"""Texts that the direction is computed from."""


def first_direction(sentences: Numbers) -> Numbers:
    """Return the first right singular vector of sentences' vectors, ``[dim]``; they stay uncentred.

    Args:
        sentences: ``[sentences, dim]``.

    Raises:
        InputError: When all are zero.

    Source: Arora et al., 2017 (A Simple but Tough-to-Beat Baseline for Sentence Embeddings),
        algorithm 1.

    Example:
        >>> abs(first_direction(np.array([[3.0, 0.0], [0.0, 1.0]]))).tolist()
        [1.0, 0.0]
    """
    if not np.any(sentences):
        raise InputError("All sentences have the zero vector, so they share no direction.")
    _, vectors = np.linalg.eigh(sentences.T @ sentences)
    direction: Numbers = vectors[:, -1]
    return direction


def without_first_direction(vectors: Numbers, direction: Numbers) -> Numbers:
    """Subtract from vectors ``[rows, dim]`` their projection on a direction of length 1.

    The map is linear: done to the vectors of words, it is done to every mean of them.
    """
    found: Numbers = vectors - np.outer(vectors @ direction, direction)
    return found


def means_of_texts(corpus: WordCorpus, vectors: Numbers) -> Numbers:
    """Return the mean of each text's word vectors, ``[texts, dim]``, of 100,000 texts at most."""
    starts = np.concatenate([[0], corpus.ends[:-1]])
    lengths = corpus.ends - starts
    some = np.linspace(0, len(starts) - 1, min(SAMPLED, len(starts))).astype(np.int64)
    means = np.zeros((len(some), vectors.shape[1]))
    for place, text in enumerate(some):
        ids = corpus.ids[starts[text] : starts[text] + lengths[text]]
        means[place] = vectors[ids].mean(axis=0)
    return means
