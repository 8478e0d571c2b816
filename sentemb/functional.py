"""Pure tensor mathematics: no model, no text, no state."""

import math

import torch
import torch.nn.functional as F  # noqa: N812

from sentemb.types import Embeddings, Logits, SimilarityMatrix


def cosine(anchor: Embeddings, candidates: Embeddings) -> SimilarityMatrix:
    r"""Cosine of every anchor with every candidate.

    .. math:: s_{ij} = x_i^\top y_j / (\lVert x_i \rVert \lVert y_j \rVert)

    Returns:
        Shape ``[batch, candidates]``.

    Example:
        >>> cosine(torch.tensor([[3.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        tensor([[1., 0.]])
    """
    return F.normalize(anchor, dim=1) @ F.normalize(candidates, dim=1).T


def alignment(x: Embeddings, y: Embeddings) -> torch.Tensor:
    r"""Mean squared distance of matching unit vectors: small is good.

    .. math:: \frac1n \sum_i \lVert x_i - y_i \rVert_2^2 = 2 - \frac2n \sum_i \cos(x_i, y_i)

    The vectors are normalised here. Returns a scalar in [0, 4].

    Source: Wang & Isola, 2020 (arXiv:2005.10242), with α = 2.

    Example:
        >>> alignment(torch.eye(2), torch.eye(2))
        tensor(0.)
    """
    return (F.normalize(x, dim=1) - F.normalize(y, dim=1)).square().sum(dim=1).mean()


def uniformity(x: Embeddings, compared: torch.Tensor | None = None) -> torch.Tensor:
    r"""Log of the mean Gaussian potential of distinct unit vectors: small (negative) is good.

    .. math:: \log \frac{2}{n(n-1)} \sum_{i<j} e^{-2 \lVert x_i - x_j \rVert^2}

    The vectors are normalised here. A uniform distribution on a high-dimensional sphere comes
    near −4; a collapsed encoder has 0, and so have vectors of which no two are compared.

    Args:
        x: The vectors, shape ``[batch, dim]``.
        compared: Which pairs are looked at, symmetric, shape ``[batch, batch]``; all by default.

    Raises:
        ValueError: When there are fewer than two vectors.

    Source: Wang & Isola, 2020 (arXiv:2005.10242), with t = 2.

    Example:
        >>> uniformity(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        tensor(-8.)
    """
    if len(x) < 2:
        raise ValueError(f"uniformity needs at least 2 embeddings, got {len(x)}.")
    exponents = -2 * torch.pdist(F.normalize(x, dim=1)).square()
    if compared is None:
        return exponents.logsumexp(dim=0) - math.log(len(exponents))
    compared = compared[*torch.triu_indices(len(x), len(x), 1)]
    if not bool(compared.any()):
        return 0 * exponents.sum()
    kept = exponents.masked_fill(~compared, -torch.inf)
    return kept.logsumexp(dim=0) - compared.sum().to(x.dtype).log()


def symmetric_kl(first: Logits, second: Logits) -> torch.Tensor:
    r"""Both Kullback-Leibler divergences of two softmax distributions, added up for each row.

    .. math:: \mathrm{KL}(P \Vert Q) + \mathrm{KL}(Q \Vert P)
        = \sum_c (p_c - q_c) (\log p_c - \log q_c)

    Args:
        first: Logits of P, shape ``[…, classes]``.
        second: Logits of Q, same shape.

    Returns:
        Shape ``[…]``; summed over classes, not averaged.

    Source: Kullback and Leibler, 1951, equation 2.6 (their J).

    Example:
        >>> symmetric_kl(torch.tensor([0.0, 0.0]), torch.tensor([0.0, 0.0]))
        tensor(0.)
    """
    log_p, log_q = first.log_softmax(dim=-1), second.log_softmax(dim=-1)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(dim=-1)


def sinkhorn(scores: SimilarityMatrix, epsilon: float, iterations: int) -> SimilarityMatrix:
    r"""Share rows out among columns: each row once, each column alike.

    .. math:: Q \propto e^{S / \varepsilon}, \quad \text{columns, then rows, divided by their sums,
        again and again}

    In logarithms, so that nothing overflows. Rows sum to 1; columns approach ``rows / columns``
    with more iterations, the sooner the larger ε is.

    Args:
        scores: Shape ``[rows, columns]``.
        epsilon: ε; raising it evens each row out.
        iterations: How often; 3 in the paper.

    Source: Caron et al., 2020, SwAV (arXiv:2006.09882), appendix A; Cuturi, 2013
        (arXiv:1306.0895).

    Example:
        >>> sinkhorn(torch.tensor([[1.0, 0.9], [1.0, 0.0]]), epsilon=0.05, iterations=9).round()
        tensor([[0., 1.],
                [1., 0.]])
    """
    log_q = scores / epsilon
    for _ in range(iterations):
        log_q = log_q - log_q.logsumexp(dim=0, keepdim=True)
        log_q = log_q - log_q.logsumexp(dim=1, keepdim=True)
    return log_q.exp()


def spread(x: Embeddings) -> torch.Tensor:
    r"""How far unit vectors keep apart: 1 when evenly spread, 0 when all are one.

    .. math:: \frac{1}{\sqrt d} \sum_c \operatorname{std}_i(x_{ic})

    That is the mean standard deviation of a dimension over its value on an even sphere,
    :math:`1 / \sqrt d`. The vectors are normalised here.

    Source: Chen and He, 2021, SimSiam (arXiv:2011.10566), section 4.1.

    Example:
        >>> spread(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
        tensor(0.)
    """
    return F.normalize(x, dim=1).std(dim=0, correction=0).sum() / math.sqrt(x.shape[1])


def spectrum(x: Embeddings) -> torch.Tensor:
    r"""Singular values of the centred unit vectors, the largest first.

    .. math:: \sigma_k \text{ of } X - \mathbf 1 \bar x^\top, \qquad x_i / \lVert x_i \rVert
        \text{ in the rows of } X

    The vectors are normalised here. :math:`\sigma_k^2 / n` is the variance along component k.

    Returns:
        Shape ``[min(batch, dim)]``.

    Example:
        >>> spectrum(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        tensor([1.4142, 0.0000])
    """
    unit = F.normalize(x, dim=1)
    values: torch.Tensor = torch.linalg.svdvals(unit - unit.mean(dim=0))
    return values


def effective_rank(x: Embeddings) -> torch.Tensor:
    r"""How many dimensions the vectors fill: the exponential of their spectrum's entropy.

    .. math:: \exp\Bigl(-\sum_k p_k \log p_k\Bigr), \qquad p_k = \sigma_k / \sum_l \sigma_l

    of their `spectrum`; between 1 and the lesser of their number less one and their dimensions; 0
    where all are one.

    Source: Roy and Vetterli, 2007, The effective rank; as in Garrido et al., 2023, RankMe
        (arXiv:2210.02885).

    Example:
        >>> effective_rank(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        tensor(1.)
    """
    return rank_of_spectrum(spectrum(x))


def rank_of_spectrum(values: torch.Tensor) -> torch.Tensor:
    """Return the effective rank that singular values stand for; see `effective_rank`.

    Example:
        >>> rank_of_spectrum(torch.ones(3))
        tensor(3.)
    """
    if float(values.sum()) < 1e-6:
        return values.new_zeros(())
    entropy: torch.Tensor = torch.special.entr(values / values.sum()).sum()
    return entropy.exp()


def next_token_loss(
    logits: torch.Tensor, ids: torch.Tensor, smoothing: float = 0.0
) -> torch.Tensor:
    r"""Mean cross-entropy of tokens with what was predicted one place before each.

    .. math:: -\frac1{|R|} \sum_{(i,t) \in R} \sum_v q_{itv} \log
        \operatorname{softmax}(l_{i,\,P-T+t-1})_v, \qquad
        q_{itv} = (1 - \varepsilon) [v = y_{it}] + \varepsilon / V

    R are the places of real tokens. The last T places of P belong to the tokens, so the first of
    them is predicted by the place before, which is a prefix.

    Args:
        logits: Of every place, ``[rows, P, V]``, with P > T.
        ids: Of the tokens y, ``[rows, T]``; -100 is padding, which is left out.
        smoothing: ε, label smoothing.

    Example:
        >>> next_token_loss(torch.zeros(1, 3, 8), torch.tensor([[5, -100]])) == math.log(8)
        tensor(True)
    """
    predicted = logits[:, -ids.shape[1] - 1 : -1]
    exact = predicted if logits.dtype == torch.float64 else predicted.float()
    return F.cross_entropy(
        exact.flatten(0, 1),
        ids.flatten(),
        ignore_index=-100,
        label_smoothing=smoothing,
    )
