"""Supervised contrastive learning: all of a class are positives of each other."""

from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.checks import check_positive
from sentemb.losses.contrast import Contrasting, Similarities, two_views
from sentemb.pairs import OffDropoutPairs, Pairs


class SupCon(Contrasting):
    """What both forms share: classes as positives, and their count."""

    temperature: float
    candidates = two_views

    def __post_init__(self) -> None:
        """Check the temperature."""
        check_positive(temperature=self.temperature)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over both views' rows, a scalar."""
        classes = classes_of(pairs)
        (contrast,) = self.contrasts(pairs)
        return contrast.mean(lambda s: self.of_rows(s, classes))

    @abstractmethod
    def of_rows(self, s: Similarities, classes: Tensor) -> Tensor:
        """Return the loss of each row, given the classes of all."""

    def masked(self, pairs: Pairs) -> Tensor:
        """Count the false negatives that are not of the row's class, which are positives."""
        classes = classes_of(pairs)
        (contrast,) = self.contrasts(pairs)

        def of_rows(number: Tensor) -> Tensor:
            masked = contrast.is_false_negative(number)
            masked[:, : len(classes)] &= classes[number].unsqueeze(1) != classes
            return masked

        return contrast.masked(of_rows)


@dataclass(frozen=True)
class SupConOut(SupCon):
    r"""SupCon with the mean over positives outside of the logarithm, as its authors advise.

    .. math:: -\frac{1}{2N} \sum_{i=1}^{2N} \frac{1}{\lvert P(i) \rvert} \sum_{p \in P(i)}
        \log \frac{e^{s_{ip}}}{\sum_{a \ne i} e^{s_{ia}}}, \qquad s = \cos / \tau

    P(i) are the other rows of both views with i's label. Without labels each sentence is a class of
    its own and this is NT-Xent. The authors' code prints this times τ/0.07.

    Needs: pairs; labels, or it is NT-Xent; negatives where there are any.

    Use it: where sentences have classes; a batch needs two or more of each.

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, labels are not classes, or the twin is `OffDropout`.

    Source: Khosla et al., 2020 (arXiv:2004.11362), equation 2.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2), labels=torch.tensor([0, 1]))
        >>> SupConOut(temperature=1.0)(pairs)  # log(1 + 2/e)
        tensor(0.5514)
    """

    temperature: float = 0.1

    def of_rows(self, s: Similarities, classes: Tensor) -> Tensor:
        """Return the mean over the positives of each row."""
        return mean_outside(*log_probabilities(s, classes, self.temperature))


@dataclass(frozen=True)
class SupConIn(SupCon):
    r"""SupCon with the mean over positives inside of the logarithm.

    .. math:: -\frac{1}{2N} \sum_{i=1}^{2N} \log \frac{1}{\lvert P(i) \rvert} \sum_{p \in P(i)}
        \frac{e^{s_{ip}}}{\sum_{a \ne i} e^{s_{ia}}}, \qquad s = \cos / \tau

    Never greater than `SupConOut`; content once one positive of each row is near.

    Needs: pairs; labels, or it is NT-Xent; negatives where there are any.

    Use it: where classes are wide, and not all of one class need come together.

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, labels are not classes, or the twin is `OffDropout`.

    Source: Khosla et al., 2020 (arXiv:2004.11362), equation 3.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2), labels=torch.tensor([0, 1]))
        >>> SupConIn(temperature=1.0)(pairs)  # log(1 + 2/e)
        tensor(0.5514)
    """

    temperature: float = 0.1

    def of_rows(self, s: Similarities, classes: Tensor) -> Tensor:
        """Return minus the log of the mean over the positives of each row."""
        return mean_inside(*log_probabilities(s, classes, self.temperature))


def mean_outside(log_p: Tensor, is_positive: Tensor) -> Tensor:
    r"""Return :math:`-\operatorname{mean}_{p \in P(i)} \log p_{ip}` of each row.

    0 for a row without a positive, which two views never have.
    """
    count = is_positive.sum(dim=1).clamp(min=1)
    return -log_p.masked_fill(~is_positive, 0.0).sum(dim=1) / count


def mean_inside(log_p: Tensor, is_positive: Tensor) -> Tensor:
    r"""Return :math:`-\log \operatorname{mean}_{p \in P(i)} p_{ip}` of each row.

    0 for a row without a positive, which two views never have.
    """
    count = is_positive.sum(dim=1)
    none = (count == 0).unsqueeze(1)
    among = log_p.masked_fill(~is_positive, -torch.inf).masked_fill(none, 0.0)
    log_count = count.clamp(min=1).to(log_p.dtype).log()
    return (log_count - among.logsumexp(dim=1)).masked_fill(none.squeeze(1), 0.0)


def log_probabilities(
    s: Similarities, classes: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """Return the log softmax of each row over the others, and which of them are of its class.

    Args:
        s: Of some rows.
        classes: Of all rows; the first candidates are these rows, the others are of no class.
        temperature: τ.
    """
    is_positive = torch.zeros_like(s.is_negative)
    is_positive[:, : len(classes)] = classes[s.number].unsqueeze(1) == classes
    is_positive.scatter_(1, s.number.unsqueeze(1), False)
    logits = s.candidates / temperature
    among = logits.masked_fill(~(is_positive | s.is_negative), -torch.inf)
    return logits - among.logsumexp(dim=1, keepdim=True), is_positive


def classes_of(pairs: Pairs) -> Tensor:
    """Return the class of each row of both views; where there are no labels, each its own.

    Raises:
        UsageError: When labels are not classes, other rows are not contrasted, or other embeddings
            stand for them.
    """
    if isinstance(pairs, OffDropoutPairs):
        raise UsageError(
            "SupCon finds positives among the rows that are contrasted, but this twin contrasts "
            "embeddings that only stand for them (OffDropout): use Siamese, or another loss, as "
            "NTXent."
        )
    if not pairs.in_batch:
        raise UsageError(
            "SupCon finds positives among the other rows, which this twin does not contrast "
            "(MoCo's queue alone): use method supcon, or another loss."
        )
    if pairs.labels is None:
        return torch.arange(len(pairs.anchor), device=pairs.anchor.device).repeat(2)
    if pairs.labels.is_floating_point():
        raise UsageError("SupCon needs classes as labels, got scores: use a graded loss (cosent).")
    if len(pairs.labels) != len(pairs.anchor):
        raise UsageError(
            f"SupCon needs a class for each anchor, got {len(pairs.labels)} labels for "
            f"{len(pairs.anchor)} anchors."
        )
    return pairs.labels.repeat(2)
