"""The words that tell a group of texts from the others, by class-based tf-idf."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sentemb.views.splitting import PIECE

if TYPE_CHECKING:
    from scipy.sparse import csr_array

WORDS = 3
"""Of a name."""


def class_tf_idf(counts: "csr_array[Any]") -> "csr_array[Any]":
    r"""Return how much each word says of each class.

    .. math:: \frac{tf_{cw}}{\sum_v tf_{cv}} \ln\left(1 + \frac{A}{f_w}\right)

    A is the mean number of words of a class, rounded down; f is a word's count over all classes.

    Args:
        counts: How often each class has each word, ``[classes, words]``.

    Source: Grootendorst, 2022, BERTopic (arXiv:2203.05794), section 3.3; its library's A.
    """
    of_class = np.asarray(counts.sum(axis=1)).ravel()
    of_word = np.asarray(counts.sum(axis=0)).ravel()
    idf = np.log1p(int(of_class.mean()) / np.maximum(of_word, 1))
    weights: csr_array[Any] = counts.astype(np.float64)
    rows = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    weights.data *= idf[weights.indices] / of_class[rows]
    return weights


def names_of(texts: Sequence[str], groups: Sequence[int], count: int) -> list[str]:
    """Name groups by their three strongest words, stop words of English left out.

    Args:
        texts: That are grouped.
        groups: The group of each text.
        count: How many groups there are.

    Returns:
        A name for each group; "" where it has no words.
    """
    from scipy.sparse import csr_array

    known: dict[str, int] = {}
    counted = [Counter[int]() for _ in range(count)]
    for text, group in zip(texts, groups, strict=True):
        counted[group].update(known.setdefault(word, len(known)) for word in words_of(text))
    if not known:
        return [""] * count
    rows = np.repeat(np.arange(count), [len(each) for each in counted])
    columns = [word for each in counted for word in each]
    values = [times for each in counted for times in each.values()]
    weights = class_tf_idf(csr_array((values, (rows, columns)), shape=(count, len(known))))
    words = np.array(list(known), dtype=object)
    return [", ".join(words[place] for place in _strongest(weights, row)) for row in range(count)]


def _strongest(weights: "csr_array[Any]", row: int) -> Iterable[int]:
    """Return the words of greatest weight; of equal ones, the one that was seen first."""
    some = slice(weights.indptr[row], weights.indptr[row + 1])
    places, values = weights.indices[some], weights.data[some]
    chosen: Iterable[int] = places[np.lexsort((places, -values))][:WORDS]
    return chosen


def words_of(text: str) -> Iterator[str]:
    """Yield the words of a text in lower case that may name it.

    Example:
        >>> list(words_of("What is the BERT-base model? 你好"))
        ['bert-base', 'model', '你', '好']
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    for match in PIECE.finditer(text.lower()):
        word = match[0].replace("’", "'")
        too_short = len(word) < 2 and word.isascii()
        if not (too_short or "'" in word or word in ENGLISH_STOP_WORDS) and word[0].isalnum():
            yield word
