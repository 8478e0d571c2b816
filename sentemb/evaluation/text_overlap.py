"""How far written texts say what the texts did that they stand for: their words, or all of it."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation.

    Example:
        >>> words_of("A man, 2 dogs.")
        ['a', 'man', '2', 'dogs']
    """
    return re.findall(r"\w+(?:['’]\w+)*", text.lower())


def token_f1(written: str, reference: str) -> float:
    r"""Return how many words two texts share, as F1.

    .. math:: F_1 = \frac{2 |W \cap R|}{|W| + |R|}

    W and R are multisets of words. Two empty texts give 1.

    Example:
        >>> token_f1("the cat sat", "the cat")
        0.8
    """
    one, other = Counter(words_of(written)), Counter(words_of(reference))
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 1.0


def is_exact(written: str, reference: str) -> bool:
    """Tell whether two texts have the same words in the same order."""
    return words_of(written) == words_of(reference)


def text_overlap(
    written: Sequence[str], references: Sequence[str]
) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Return mean token F1 and the share of exact matches; and the F1 of each text."""
    each = np.array([token_f1(a, b) for a, b in zip(written, references, strict=True)])
    exact = [is_exact(a, b) for a, b in zip(written, references, strict=True)]
    return {"f1": float(each.mean()), "exact": float(np.mean(exact))}, each
