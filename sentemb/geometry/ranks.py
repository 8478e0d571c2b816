"""What a vector should not depend on: how rare a sentence's words are, how long it is."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

Numbers = NDArray[np.float64]
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
"""A run of letters and digits; of Chinese and Japanese, a character."""
PAIRS = 10_000


def rarity(texts: Sequence[str]) -> Numbers:
    r"""Mean surprisal of each sentence's words, in bits, by their frequency in all of them.

    .. math:: -\frac{1}{m} \sum_{w} \log_2 \frac{\operatorname{count}(w)}{\text{words}}

    over the m words of the sentence, in lower case.

    Returns:
        One for each sentence; NaN for one without a word.

    Example:
        >>> rarity(["a a", "a b"]).tolist()
        [0.4150374992788438, 1.207518749639422]
    """
    words = [WORD.findall(text.lower()) for text in texts]
    counts = Counter(word for each in words for word in each)
    total = counts.total()
    bits = {word: -math.log2(count / total) for word, count in counts.items()}
    return np.array([np.mean([bits[w] for w in each]) if each else np.nan for each in words])


def random_pairs(rows: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw pairs of different rows; all of them where there are no more than 10,000.

    Example:
        >>> [side.tolist() for side in random_pairs(3)]
        [[0, 0, 1], [1, 2, 2]]
    """
    if rows * (rows - 1) // 2 <= PAIRS:
        return np.triu_indices(rows, 1)
    generator = np.random.default_rng(seed)
    first = generator.integers(rows, size=PAIRS)
    return first, (first + generator.integers(1, rows, size=PAIRS)) % rows


def rank_correlation(x: Numbers, y: Numbers) -> float | None:
    """Return Spearman's correlation, in [−1, 1]; None where one of both does not vary.

    A part in ten thousand counts as rounding: the length of unit vectors does not vary.

    Example:
        >>> rank_correlation(np.array([1.0, 2, 3]), np.array([1.0, 8, 27]))
        1.0
    """
    if any(np.ptp(each) <= 1e-4 * np.abs(each).max() for each in (x, y)):
        return None
    return float(spearmanr(x, y).statistic)
