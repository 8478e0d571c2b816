"""Edits of a sentence's words; `splitting` says what they are in scripts without spaces."""

from dataclasses import dataclass
from random import Random

from sentemb.views.rates import check_rate
from sentemb.views.splitting import join, split
from sentemb.views.units import crop, drop, repeat


@dataclass(frozen=True)
class WordRepetition:
    r"""Repeat k of a sentence's n words in place.

    .. math:: k \sim U\{0, …, \max(2, \lfloor r n \rfloor)\}

    A positive that is longer than its anchor teaches that length says nothing about meaning.

    Args:
        rate: r in [0, 1].

    Source: Wu et al., 2022 (ESimCSE, arXiv:2109.04380), section 3.1, which repeats sub-words
        (`SubwordRepetition`).

    Example:
        >>> WordRepetition(0.32)("a man plays the guitar", Random(7))
        'a man man plays the guitar'
    """

    rate: float = 0.32

    def __post_init__(self) -> None:
        check_rate(self, self.rate)

    def __call__(self, text: str, random: Random) -> str:
        """Return the text with words repeated."""
        return join(repeat(split(text), self.rate, random))


@dataclass(frozen=True)
class WordDropout:
    r"""Delete :math:`\lfloor r n \rfloor` of a sentence's n words; one is always left.

    Args:
        rate: r in [0, 1].

    Source: Gao et al., 2021 (arXiv:2104.08821), table 1 ("word deletion").

    Example:
        >>> WordDropout(0.5)("a man plays the guitar", Random(0))
        'a the guitar'
    """

    rate: float = 0.1

    def __post_init__(self) -> None:
        check_rate(self, self.rate)

    def __call__(self, text: str, random: Random) -> str:
        """Return the text with words deleted."""
        return join(drop(split(text), self.rate, random))


@dataclass(frozen=True)
class Crop:
    r"""Keep one run of :math:`n - \lfloor r n \rfloor` of a sentence's n words.

    Args:
        rate: r in [0, 1]; one word is always left.

    Source: Gao et al., 2021 (arXiv:2104.08821), table 1; González-Márquez et al., 2025
        (arXiv:2508.03453) find two crops better than dropout on texts longer than a sentence.

    Example:
        >>> Crop(0.4)("a man plays the guitar", Random(0))
        'man plays the'
    """

    rate: float = 0.1

    def __post_init__(self) -> None:
        check_rate(self, self.rate)

    def __call__(self, text: str, random: Random) -> str:
        """Return a run of the text's words."""
        return join(crop(split(text), self.rate, random))
