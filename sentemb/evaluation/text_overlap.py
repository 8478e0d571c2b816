"""How far written texts say what the texts did that they stand for: words, phrases, all of it."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ORDER = 4
"""Words of the longest phrase that BLEU counts."""
ENTITIES = {"&quot;": '"', "&lt;": "<", "&gt;": ">", "&amp;": "&"}
SYMBOLS = re.compile(r"([{-~\[-` -&(-+:-@/])")
MARKS = re.compile(r"([^0-9])([.,])"), re.compile(r"([.,])([^0-9])"), re.compile(r"([0-9])(-)")


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


def bleu(written: Sequence[str], references: Sequence[str]) -> float:
    r"""Return BLEU of a corpus, one reference a text, in [0, 100].

    .. math:: 100 \, \min(1, e^{1 - r/w}) \exp \frac14 \sum_{n=1}^4 \ln p_n

    w and r are all tokens written and of the references, p_n the share of n-grams that the
    reference has. The k-th order without any match counts as :math:`1 / (2^k \cdot
    \text{n-grams})`.

    Source: Papineni et al., 2002; tokens (13a) and smoothing (exp) as in sacrebleu: Post, 2018
        (arXiv:1804.08771).
    """
    pairs = [(_tokens(a), _tokens(b)) for a, b in zip(written, references, strict=True)]
    return _score(pairs, effective=False)


def sentence_bleu(written: str, reference: str) -> float:
    """Return BLEU of one text, over the orders that it has n-grams of; see `bleu`."""
    return _score([(_tokens(written), _tokens(reference))], effective=True)


def _tokens(text: str) -> list[str]:
    """Return words and punctuation as mteval-v13a parts them."""
    text = text.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, character in ENTITIES.items():
        text = text.replace(entity, character)
    text = SYMBOLS.sub(r" \1 ", f" {text} ")
    before, after, dash = MARKS
    text = after.sub(r" \1 \2", before.sub(r"\1 \2 ", text))
    return dash.sub(r"\1 \2 ", text).split()


def _score(pairs: Sequence[tuple[list[str], list[str]]], *, effective: bool) -> float:
    matches, totals = np.zeros(ORDER), np.zeros(ORDER)
    for written, reference in pairs:
        for n in range(1, ORDER + 1):
            found = _ngrams(written, n)
            matches[n - 1] += (found & _ngrams(reference, n)).total()
            totals[n - 1] += found.total()
    if not matches.any():
        return 0.0
    orders = int((totals > 0).sum())
    if orders < ORDER and not effective:
        return 0.0
    shares, halved = [], 1.0
    for matched, total in zip(matches[:orders], totals[:orders], strict=True):
        if not matched:
            halved *= 2
        shares.append(math.log((matched or 1 / halved) / total))
    lengths = [sum(map(len, side)) for side in zip(*pairs, strict=True)]
    brevity = min(0.0, 1 - lengths[1] / lengths[0])
    return 100 * math.exp(brevity + sum(shares) / orders)


def _ngrams(tokens: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(n)), strict=False))


def text_overlap(
    written: Sequence[str], references: Sequence[str]
) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Return mean token F1, BLEU and the share of exact matches; and the F1 of each text."""
    each = np.array([token_f1(a, b) for a, b in zip(written, references, strict=True)])
    exact = [is_exact(a, b) for a, b in zip(written, references, strict=True)]
    means = {
        "f1": float(each.mean()),
        "bleu": bleu(written, references),
        "exact": float(np.mean(exact)),
    }
    return means, each
