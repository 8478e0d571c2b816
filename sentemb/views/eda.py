"""EDA, easy data augmentation: four edits of a sentence's words, and one of them at random."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from random import Random

import regex

from sentemb.views.rates import check_rate
from sentemb.views.splitting import Word, join, split

Synonyms = Callable[[str], Sequence[str]]
"""From a lower-case word to words of like meaning, none where there are none."""

KNOWN_WORDS = 2**16
"""Words whose core is kept; most of a text's words come again."""
AROUND = regex.compile(r"^[^\w\p{M}]+|[^\w\p{M}]+$")
PARTS = regex.compile(r"([^\w\p{M}]*)(.*?)([^\w\p{M}]*)")

NEGATIONS = frozenset(
    {"no", "not", "never", "none", "nobody", "nothing", "nowhere", "neither", "nor", "cannot"}
    | {"without", "hardly", "barely", "scarcely"}
)


@dataclass(frozen=True)
class SynonymReplacement:
    r"""Replace :math:`\max(1, \lfloor \alpha n \rfloor)` of n words, stop words excepted.

    Every occurrence of a chosen word gets the same synonym. Punctuation and a capital stay.

    Args:
        synonyms: Where synonyms come from: `WordNet`, `EmbeddingNeighbours`, or any function.
        alpha: α in [0, 1].
        keep_negations: Never replace a "not" or its like.

    Source: Wei and Zou, 2019 (EDA, arXiv:1901.11196), section 2.

    Example:
        >>> edit = SynonymReplacement({"man": ["fellow"]}.get, alpha=0.1)
        >>> edit("A man, a plan.", Random(0))
        'A fellow, a plan.'
    """

    synonyms: Synonyms
    alpha: float = 0.1
    keep_negations: bool = False

    def __post_init__(self) -> None:
        check_rate(self, self.alpha, "alpha")

    def __call__(self, text: str, random: Random) -> str:
        """Return the text with synonyms in it."""
        words = split(text)
        left = _count(self.alpha, words)
        for core in _shuffled_cores(words, self.keep_negations, random):
            if left == 0:
                break
            found = sorted(self.synonyms(core) or ())
            if found:
                synonym = random.choice(found)
                words = [_put(synonym, w) if _core(w.text) == core else w for w in words]
                left -= 1
        return join(words)


@dataclass(frozen=True)
class RandomInsertion:
    r"""Insert, :math:`\max(1, \lfloor \alpha n \rfloor)` times, a synonym of a word anywhere.

    Args:
        synonyms: Where synonyms come from: `WordNet`, `EmbeddingNeighbours`, or any function.
        alpha: α in [0, 1].

    Source: Wei and Zou, 2019 (EDA, arXiv:1901.11196), section 2.
    """

    synonyms: Synonyms
    alpha: float = 0.1

    def __post_init__(self) -> None:
        check_rate(self, self.alpha, "alpha")

    def __call__(self, text: str, random: Random) -> str:
        """Return the text with words inserted; as it is where no word has a synonym."""
        words = split(text)
        for _ in range(_count(self.alpha, words)):
            for core in _shuffled_cores(words, False, random):
                found = sorted(self.synonyms(core) or ())
                if found:
                    place = random.randint(0, len(words))
                    like = next(word for word in words if _core(word.text) == core)
                    words.insert(place, Word(random.choice(found), like.repeats, like.repeats))
                    break
        return join(words)


@dataclass(frozen=True)
class RandomSwap:
    r"""Swap two words, :math:`\max(1, \lfloor \alpha n \rfloor)` times.

    Args:
        alpha: α in [0, 1].
        keep_negations: A "not" or its like keeps its place.

    Source: Wei and Zou, 2019 (EDA, arXiv:1901.11196), section 2.
    """

    alpha: float = 0.1
    keep_negations: bool = False

    def __post_init__(self) -> None:
        check_rate(self, self.alpha, "alpha")

    def __call__(self, text: str, random: Random) -> str:
        """Return the text with words swapped."""
        words = split(text)
        places = _free_places(words, self.keep_negations)
        if len(places) > 1:
            for _ in range(_count(self.alpha, words)):
                i, j = random.sample(places, 2)
                words[i], words[j] = words[j], words[i]
        return join(words)


@dataclass(frozen=True)
class RandomDeletion:
    r"""Delete each word with probability α; one is always left.

    Args:
        alpha: α in [0, 1].
        keep_negations: Never delete a "not" or its like.

    Source: Wei and Zou, 2019 (EDA, arXiv:1901.11196), section 2.

    Example:
        >>> RandomDeletion(1.0, keep_negations=True)("I will not love you", Random(0))
        'not'
    """

    alpha: float = 0.1
    keep_negations: bool = False

    def __post_init__(self) -> None:
        check_rate(self, self.alpha, "alpha")

    def __call__(self, text: str, random: Random) -> str:
        """Return the text without some of its words."""
        words = split(text)
        free = set(_free_places(words, self.keep_negations))
        kept = [w for i, w in enumerate(words) if i not in free or random.random() >= self.alpha]
        return join(kept or [random.choice(words)]) if words else text


@dataclass(frozen=True)
class EDA:
    """One of the four edits, each equally often.

    Without its "not", "I will not love you again" is a positive of its opposite: ask for
    ``keep_negations``. The paper does not have it, so it is off.

    Args:
        synonyms: Where synonyms come from: `WordNet`, `EmbeddingNeighbours`, or any function.
        alpha: α in [0, 1], of each edit.
        keep_negations: Never delete, replace or move a "not" or its like.

    Source: Wei and Zou, 2019 (EDA, arXiv:1901.11196), section 2.
    """

    synonyms: Synonyms
    alpha: float = 0.1
    keep_negations: bool = False

    def __post_init__(self) -> None:
        check_rate(self, self.alpha, "alpha")

    def __call__(self, text: str, random: Random) -> str:
        """Return the text after one edit."""
        return random.choice(self._edits)(text, random)

    @cached_property
    def _edits(self) -> tuple[Callable[[str, Random], str], ...]:
        return (
            SynonymReplacement(self.synonyms, self.alpha, self.keep_negations),
            RandomInsertion(self.synonyms, self.alpha),
            RandomSwap(self.alpha, self.keep_negations),
            RandomDeletion(self.alpha, self.keep_negations),
        )


def _count(alpha: float, words: list[Word]) -> int:
    return max(1, int(alpha * len(words))) if alpha > 0 else 0


@lru_cache(KNOWN_WORDS)
def _core(word: str) -> str:
    """Return a word without punctuation around it, in lower case."""
    core: str = AROUND.sub("", word).lower()
    return core


def _put(synonym: str, word: Word) -> Word:
    """Put a synonym where a word stood, between its punctuation, with its capital."""
    before, core, after = PARTS.fullmatch(word.text).groups()
    like = synonym[:1].upper() + synonym[1:] if core[:1].isupper() else synonym
    return word._replace(text=before + like + after)


def _is_negation(word: str) -> bool:
    core = _core(word).replace("’", "'")
    return core in NEGATIONS or core.endswith("n't")


def _free_places(words: list[Word], keep_negations: bool) -> list[int]:
    if not keep_negations:
        return list(range(len(words)))
    return [i for i, word in enumerate(words) if not _is_negation(word.text)]


def _shuffled_cores(words: list[Word], keep_negations: bool, random: Random) -> list[str]:
    """Return the distinct content words, in random order."""
    free = {_core(words[i].text) for i in _free_places(words, keep_negations)}
    cores = sorted(free - _stop_words() - {""})
    random.shuffle(cores)
    return cores


@cache
def _stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS)
