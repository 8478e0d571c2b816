"""Supervised contrastive learning: all of a class are positives of each other."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.checks import check_positive
from sentemb.losses.contrast import two_views
from sentemb.pairs import Pairs
from sentemb.types import Embeddings


@dataclass(frozen=True)
class SupConOut:
    r"""SupCon with the mean over positives outside of the logarithm, as its authors advise.

    .. math:: -\frac{1}{2N} \sum_{i=1}^{2N} \frac{1}{\lvert P(i) \rvert} \sum_{p \in P(i)}
        \log \frac{e^{s_{ip}}}{\sum_{a \ne i} e^{s_{ia}}}, \qquad s = \cos / \tau

    P(i) are the other rows of both views with i's label. Without labels each sentence is a class of
    its own and this is NT-Xent. The authors' code prints this times τ/0.07.

    Needs: pairs and labels; negatives where there are any.

    Use it: where sentences have classes; a batch needs two or more of each.

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, or labels are no classes.

    Source: Khosla et al., 2020 (arXiv:2004.11362), equation 2.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2), labels=torch.tensor([0, 1]))
        >>> SupConOut(temperature=1.0)(pairs)  # log(1 + 2/e)
        tensor(0.5514)
    """

    temperature: float = 0.1

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over both views' rows, a scalar."""
        log_p, is_positive = _log_probabilities(pairs, self.temperature)
        return mean_outside(log_p, is_positive)


@dataclass(frozen=True)
class SupConIn:
    r"""SupCon with the mean over positives inside of the logarithm.

    .. math:: -\frac{1}{2N} \sum_{i=1}^{2N} \log \frac{1}{\lvert P(i) \rvert} \sum_{p \in P(i)}
        \frac{e^{s_{ip}}}{\sum_{a \ne i} e^{s_{ia}}}, \qquad s = \cos / \tau

    Never greater than `SupConOut`; content once one positive of each row is near.

    Needs: pairs and labels; negatives where there are any.

    Use it: where classes are wide, and not all of one class need come together.

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, or labels are no classes.

    Source: Khosla et al., 2020 (arXiv:2004.11362), equation 3.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2), labels=torch.tensor([0, 1]))
        >>> SupConIn(temperature=1.0)(pairs)  # log(1 + 2/e)
        tensor(0.5514)
    """

    temperature: float = 0.1

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over both views' rows, a scalar."""
        log_p, is_positive = _log_probabilities(pairs, self.temperature)
        return mean_inside(log_p, is_positive)


def mean_outside(log_p: Tensor, is_positive: Tensor) -> Tensor:
    r"""Return :math:`-\operatorname{mean}_i \operatorname{mean}_{p \in P(i)} \log p_{ip}`.

    Over the rows that have a positive; 0 where none has.
    """
    count = is_positive.sum(dim=1)
    of_rows = -log_p.masked_fill(~is_positive, 0.0).sum(dim=1) / count.clamp(min=1)
    return of_rows.sum() / (count > 0).sum().clamp(min=1)


def mean_inside(log_p: Tensor, is_positive: Tensor) -> Tensor:
    r"""Return :math:`-\operatorname{mean}_i \log \operatorname{mean}_{p \in P(i)} p_{ip}`.

    Over the rows that have a positive; 0 where none has.
    """
    count = is_positive.sum(dim=1)
    some = count > 0
    among = log_p.masked_fill(~is_positive, -torch.inf).masked_fill(~some.unsqueeze(1), 0.0)
    log_count = count.clamp(min=1).to(log_p.dtype).log()
    of_rows = (log_count - among.logsumexp(dim=1)).masked_fill(~some, 0.0)
    return of_rows.sum() / some.sum().clamp(min=1)


def log_probabilities(
    rows: Embeddings, candidates: Embeddings, is_candidate: Tensor, temperature: float
) -> Tensor:
    """Return log softmax of each row over its candidates, shape ``[rows, candidates]``."""
    logits = rows @ candidates.T / temperature
    return logits - logits.masked_fill(~is_candidate, -torch.inf).logsumexp(dim=1, keepdim=True)


def _log_probabilities(pairs: Pairs, temperature: float) -> tuple[Tensor, Tensor]:
    """Return the log-probabilities of both views' rows, and which are of positives."""
    if not pairs.in_batch:
        raise UsageError(
            "SupCon finds positives among the other rows, which this twin does not contrast "
            "(MoCo's queue alone): use method supcon, or another loss."
        )
    contrast = two_views(pairs.unit())
    rows = len(contrast.rows)
    classes = _classes(pairs).repeat(2)
    own = torch.eye(rows, len(contrast.candidates), dtype=torch.bool, device=classes.device)
    is_positive = torch.zeros_like(own)
    is_positive[:, :rows] = classes.unsqueeze(0) == classes.unsqueeze(1)
    is_positive &= ~own
    is_negative = contrast.block(torch.arange(rows, device=classes.device)).is_negative
    log_p = log_probabilities(
        contrast.rows, contrast.candidates, is_positive | is_negative, temperature
    )
    return log_p, is_positive


def _classes(pairs: Pairs) -> Tensor:
    if pairs.labels is None:
        return torch.arange(len(pairs.anchor), device=pairs.anchor.device)
    if pairs.labels.is_floating_point():
        raise UsageError("SupCon needs classes as labels, got scores: use a graded loss (cosent).")
    if len(pairs.labels) != len(pairs.anchor):
        raise UsageError(
            f"SupCon needs a class for each anchor, got {len(pairs.labels)} labels for "
            f"{len(pairs.anchor)} anchors."
        )
    return pairs.labels
