"""Edits of a sentence's token ids: what `words` does to words, for any script."""

from dataclasses import dataclass
from random import Random

from sentemb.views.rates import check_rate
from sentemb.views.units import crop, drop, repeat


@dataclass(frozen=True)
class SubwordRepetition:
    r"""Repeat k of a sentence's n sub-words in place.

    .. math:: k \sim U\{0, …, \max(2, \lfloor r n \rfloor)\}

    Special tokens are not sub-words. The sentence was truncated before, so it may grow
    beyond the maximum length, as in the paper's code; unlike there, each epoch draws anew.

    Args:
        rate: r in [0, 1].

    Source: Wu et al., 2022 (ESimCSE, arXiv:2109.04380), section 3.1.

    Example:
        >>> SubwordRepetition(0.32)([5, 6, 7, 8], Random(7))
        [5, 6, 6, 7, 8]
    """

    rate: float = 0.32

    def __post_init__(self) -> None:
        check_rate(self, self.rate)

    def __call__(self, ids: list[int], random: Random) -> list[int]:
        """Return the ids with some repeated."""
        return repeat(ids, self.rate, random)


@dataclass(frozen=True)
class SubwordDropout:
    r"""Delete :math:`\lfloor r n \rfloor` of a sentence's n sub-words; one is always left.

    Args:
        rate: r in [0, 1].

    Source: Gao et al., 2021 (arXiv:2104.08821), table 1, on sub-words.
    """

    rate: float = 0.1

    def __post_init__(self) -> None:
        check_rate(self, self.rate)

    def __call__(self, ids: list[int], random: Random) -> list[int]:
        """Return the ids without some."""
        return drop(ids, self.rate, random)


@dataclass(frozen=True)
class SubwordCrop:
    r"""Keep one run of :math:`n - \lfloor r n \rfloor` of a sentence's n sub-words.

    Args:
        rate: r in [0, 1]; one sub-word is always left.

    Source: Gao et al., 2021 (arXiv:2104.08821), table 1, on sub-words.
    """

    rate: float = 0.1

    def __post_init__(self) -> None:
        check_rate(self, self.rate)

    def __call__(self, ids: list[int], random: Random) -> list[int]:
        """Return a run of the ids."""
        return crop(ids, self.rate, random)
