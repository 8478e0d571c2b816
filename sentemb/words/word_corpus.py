"""A corpus as numbers of words: one pass over its texts."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import NFC, Lowercase, Normalizer
from tokenizers.normalizers import Sequence as Several
from tokenizers.pre_tokenizers import PreTokenizer, Split

from sentemb.errors import InputError

UNKNOWN = "[UNK]"


@dataclass(frozen=True, repr=False)
class WordCorpus:
    """The words of texts, by their number.

    Args:
        words: The vocabulary, the most frequent first.
        counts: How often each occurs, ``[words]``.
        ids: The words of all texts one after the other; words outside the vocabulary are left out.
        ends: Where each text that has words ends in ``ids``.
        unknown: How many words stood outside the vocabulary.
    """

    words: list[str]
    counts: NDArray[np.int64]
    ids: NDArray[np.int32]
    ends: NDArray[np.int64]
    unknown: int

    @property
    def shares(self) -> NDArray[np.float64]:
        """Each word's share of all words of the vocabulary in the corpus."""
        found: NDArray[np.float64] = self.counts / self.counts.sum()
        return found

    def tokenizer(self) -> Tokenizer:
        """Return what cuts texts into these words; word i has the id i + 1, and 0 is unknown."""
        names = {UNKNOWN: 0} | {word: number for number, word in enumerate(self.words, start=1)}
        made = Tokenizer(WordLevel(names, unk_token=UNKNOWN))
        made.normalizer, made.pre_tokenizer = _normalizer(), _splitter()
        made.add_special_tokens([UNKNOWN])
        return made


def read_corpus(
    texts: Iterable[str], min_count: int = 5, vocabulary: int | None = None
) -> WordCorpus:
    r"""Number the words of texts, in one pass.

    A word is a run of letters, digits and underscores (``\w+``), in lower case.

    Args:
        texts: Any number; held as four bytes a word.
        min_count: Rarer words are left out.
        vocabulary: Most words to keep, the most frequent ones; None for all.

    Raises:
        InputError: When fewer than two words are left, the corpus has fewer words than
            ``vocabulary``, or no text has two words beside each other.
    """
    normalizer, splitter = _normalizer(), _splitter()
    numbers: dict[str, int] = {}
    ids, ends = array("i"), array("q")
    for text in texts:
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)):
            ids.append(numbers.setdefault(word, len(numbers)))
        ends.append(len(ids))
    found = np.frombuffer(ids, np.int32) if ids else np.zeros(0, np.int32)
    counts = np.bincount(found, minlength=len(numbers))
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] >= min_count]
    if vocabulary is not None and len(order) < vocabulary:
        raise InputError(
            f"The corpus has {len(order):,} words that occur {min_count} times or more, fewer than "
            f"the vocabulary of {vocabulary:,}: lower `vocabulary` or `min_count`."
        )
    order = order[:vocabulary]
    if len(order) < 2:
        raise InputError(
            f"The corpus has {len(order)} words that occur {min_count} times or more, and at least "
            "2 are needed: lower `min_count`, or give more texts."
        )
    return _kept(list(numbers), counts, order, found, np.frombuffer(ends, np.int64))


def _kept(
    words: list[str],
    counts: NDArray[np.int64],
    order: NDArray[np.int64],
    ids: NDArray[np.int32],
    ends: NDArray[np.int64],
) -> WordCorpus:
    """Keep the words of ``order``, and renumber them."""
    numbers = np.full(len(words), -1, np.int32)
    numbers[order] = np.arange(len(order), dtype=np.int32)
    every = numbers[ids]
    known = every >= 0
    upto = np.concatenate([[0], known.cumsum()])[ends]
    lengths = np.diff(upto, prepend=0)
    if not (lengths > 1).any():
        raise InputError(
            "No text of the corpus has two known words, so no word has neighbours: give sentences, "
            "or lower `min_count`."
        )
    names = [words[place] for place in order.tolist()]
    return WordCorpus(names, counts[order], every[known], upto[lengths > 0], int((~known).sum()))


def _normalizer() -> Normalizer:
    return Several([NFC(), Lowercase()])


def _splitter() -> PreTokenizer:
    return Split(Regex(r"\w+"), "removed", invert=True)
