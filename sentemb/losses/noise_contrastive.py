"""Binary noise-contrastive losses: each candidate is judged alone."""

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.losses.compared_by import Dot
from sentemb.losses.contrast import RowLoss, Similarities, one_way


@dataclass(frozen=True)
class NoiseContrastive(RowLoss):
    r"""Noise-contrastive estimation: tell the positive from m samples of noise.

    .. math:: \frac1N \sum_i \Bigl( -\log P_{ii} - \sum_{j \ne i} \log (1 - P_{ij}) \Bigr), \qquad
        P = \frac{e^s}{e^s + m} = \sigma(s - \ln m), \qquad s = \cos / \tau

    The m negatives of a row are its noise, and :math:`e^s` stands for the ratio of the densities of
    data and noise.

    Needs: pairs; negatives where there are any.

    Use it: when a score is to mean a probability; needs no softmax over the candidates.

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, or the batch has no negative.

    Source: Gutmann and Hyvärinen, 2010 (AISTATS, PMLR 9), and Mnih and Teh, 2012
        (arXiv:1206.6426), whose noise distribution is here the batch.

    Example:
        >>> import torch
        >>> from sentemb.pairs import Pairs
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> NoiseContrastive(temperature=1.0)(pairs)  # log(1 + 1/e) + log 2
        tensor(1.0064)
    """

    temperature: float = 0.05
    candidates = one_way

    def of_rows(self, s: Similarities) -> Tensor:
        """Return the binary cross-entropies of each row."""
        log_m = s.log_count()
        positive = s.positive / self.temperature - log_m
        negatives = s.candidates / self.temperature - log_m.unsqueeze(1)
        return F.softplus(-positive) + s.sum(F.softplus(negatives))


@dataclass(frozen=True)
class NegativeSampling(RowLoss):
    r"""The skip-gram objective of word2vec, on dot products.

    .. math:: \frac1N \sum_i \Bigl( -\log \sigma(x_i^\top y_i) - \sum_{j \ne i} \log
        \sigma(-x_i^\top y_j) \Bigr)

    Embeddings are compared at the length they have, so the lengths are trained too. Every other
    positive of the batch, and all negatives, are the sampled noise.

    Needs: pairs; negatives where there are any.

    Use it: when the dot product is what will be searched with, and lengths may carry frequency.

    Raises:
        UsageError: When the batch has no negative.

    Source: Mikolov et al., 2013 (arXiv:1310.4546), equation 4. Deviation: the noise is the batch,
        not words drawn by their frequency.

    Example:
        >>> import torch
        >>> from sentemb.pairs import Pairs
        >>> NegativeSampling()(Pairs(torch.eye(2), torch.eye(2)))  # log(1 + 1/e) + log 2
        tensor(1.0064)
    """

    candidates = one_way
    _score = Dot()

    def of_rows(self, s: Similarities) -> Tensor:
        """Return the binary cross-entropies of each row."""
        return F.softplus(-s.positive) + s.sum(F.softplus(s.candidates))
