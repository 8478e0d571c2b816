"""The objective of word vectors, and the two distributions that its words are drawn from."""

import numpy as np
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[np.float64]


def contrast_with_noise(
    positive: Tensor, noise: Tensor, pairs: Tensor | float = 1.0, draws: Tensor | float = 1.0
) -> Tensor:
    r"""Tell words that stand together from words drawn as noise, each judged alone.

    .. math:: \sum_i n_i \log(1 + e^{-s_i^+}) + \sum_j m_j \log(1 + e^{s_j^-})

    With the scores :math:`s = x^\top y` this is skip-gram's negative sampling. With
    :math:`s = x^\top y - \ln(k q(y))`, k draws from the noise q a pair, it is noise-contrastive
    estimation. At its optimum the former's score is :math:`\mathrm{PMI} - \ln k` where the noise is
    the words' own distribution; the latter's :math:`x^\top y` is :math:`\ln p(y \mid x)`.

    Args:
        positive: Scores of pairs.
        noise: Scores of draws.
        pairs: How often each pair was seen, n, in the shape of its scores; 0 for no pair.
        draws: How many draws each score of noise stands for, m, in the shape of its scores.

    Source: Mikolov et al., 2013 (arXiv:1310.4546), equation 4; Mnih and Kavukcuoglu, 2013 (Learning
        word embeddings efficiently with noise-contrastive estimation); Levy and Goldberg, 2014
        (Neural word embedding as implicit matrix factorization) for the optimum.

    Example:
        >>> import torch
        >>> contrast_with_noise(torch.zeros(1), torch.zeros(2))  # 3 log 2
        tensor(2.0794)
    """
    return (pairs * F.softplus(-positive)).sum() + (draws * F.softplus(noise)).sum()


def keep_probabilities(shares: Numbers, threshold: float) -> Numbers:
    r"""Return how probably a word is kept when frequent words are thinned out.

    .. math:: \min(1, \sqrt{t / f})

    Args:
        shares: f, each word's share of the corpus.
        threshold: t; words up to this share are always kept. 0 keeps every word.

    Source: Mikolov et al., 2013 (arXiv:1310.4546), equation 5. word2vec.c and gensim keep more:
        :math:`\min(1, \sqrt{t / f} + t / f)`.

    Example:
        >>> keep_probabilities(np.array([0.01, 0.0001]), 0.001).round(3).tolist()
        [0.316, 1.0]
    """
    if not threshold:
        return np.ones(len(shares))
    kept: Numbers = np.minimum(1, np.sqrt(threshold / shares))
    return kept


def noise_distribution(counts: NDArray[np.int64], exponent: float = 0.75) -> Numbers:
    r"""Return the probabilities that words are drawn with as noise, :math:`q \propto n^{3/4}`.

    Args:
        counts: n, how often each word occurs.
        exponent: 1 for the words' own distribution, 0 for a uniform one.

    Source: Mikolov et al., 2013 (arXiv:1310.4546), section 2.2.

    Example:
        >>> noise_distribution(np.array([10, 5, 1])).round(4).tolist()
        [0.5642, 0.3355, 0.1003]
    """
    powers = counts.astype(np.float64) ** exponent
    q: Numbers = powers / powers.sum()
    return q
