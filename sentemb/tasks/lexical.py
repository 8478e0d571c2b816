"""BM25 by words, and the fusion of rankings by their ranks."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import UsageError, install_command
from sentemb.views.splitting import PIECE

K1, B = 1.2, 0.75
"""How soon more of a word counts no more, and how far a text's length does: Lucene's defaults."""
RANK_CONSTANT = 60
"""Of reciprocal rank fusion."""


def require_bm25s() -> Any:
    """Return the library that computes BM25.

    Raises:
        UsageError: When it is not installed.
    """
    try:
        import bm25s
    except ImportError as error:
        raise UsageError(f"`hybrid` needs bm25s: {install_command('search')}.") from error
    return bm25s


class Lexical:
    r"""Texts that are ranked by the words they share with a query.

    .. math:: \sum_{w} \ln\Bigl(1 + \frac{n - n_w + 0.5}{n_w + 0.5}\Bigr)
        \frac{f_w}{f_w + k_1 (1 - b + b\, l / \bar l)}

    Words are runs of letters and digits in lower case; of Chinese and Japanese, characters. Neither
    stop words nor endings are taken away: that holds for any language.

    Args:
        texts: To rank.
        k1: A greater one lets more of a word count longer.
        b: How far a text's length counts, in [0, 1].

    Source: Robertson & Zaragoza, 2009, in Lucene's form; computed by bm25s (Lù, 2024,
        arXiv:2407.03618).
    """

    def __init__(self, texts: Sequence[str], k1: float = K1, b: float = B) -> None:
        self.texts, self.k1, self.b = texts, k1, b

    @cached_property
    def _model(self) -> Any:
        model = require_bm25s().BM25(k1=self.k1, b=self.b, method="lucene")
        model.index([words_of(text) for text in self.texts], show_progress=False)
        return model

    def scores(self, query: str) -> NDArray[np.float32]:
        """Return the score of each text, 0 where it shares no word with the query."""
        found: NDArray[np.float32] = self._model.get_scores(words_of(query))
        return found


def words_of(text: str) -> list[str]:
    """Return the words that BM25 counts.

    Example:
        >>> words_of("The cat, the DOG!")
        ['the', 'cat', 'the', 'dog']
    """
    found = PIECE.finditer(text.casefold())
    return [piece for match in found if any(map(str.isalnum, piece := match.group()))]


def fused(rankings: Sequence[Sequence[int]], k: int | None = None) -> list[tuple[int, float]]:
    r"""Fuse rankings by their ranks alone; what a ranking lacks gets nothing from it.

    .. math:: \sum_r 1 / (60 + \text{rank}_r)

    Args:
        rankings: Ids, the best first.
        k: How many to return; by default all.

    Returns:
        Ids with their sums, the greatest first, of equal ones the lower id.

    Source: Cormack et al., 2009, Reciprocal Rank Fusion.

    Example:
        >>> [(one, round(score, 4)) for one, score in fused([[0, 1, 2], [2, 0, 3]])]
        [(0, 0.0325), (2, 0.0323), (1, 0.0161), (3, 0.0159)]
    """
    sums: dict[int, float] = {}
    for ranking in rankings:
        for rank, one in enumerate(ranking, start=1):
            sums[one] = sums.get(one, 0.0) + 1 / (RANK_CONSTANT + rank)
    return sorted(sums.items(), key=lambda found: (-found[1], found[0]))[:k]
