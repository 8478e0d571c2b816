"""Supervised contrastive learning: all of a class are positives of each other."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.block import Block
from sentemb.losses.checks import check_positive
from sentemb.losses.counting import count_as_masked
from sentemb.losses.pairings import two_views
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class SupConOut:
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
        UsageError: When τ is not positive, labels are no classes, or the pairs have ``contrasted``.

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
        classes = classes_of(pairs)

        def of_rows(block: Block) -> Tensor:
            return mean_outside(*log_probabilities(block, classes, self.temperature))

        return two_views(pairs.unit()).mean(of_rows)


@dataclass(frozen=True)
class SupConIn:
    r"""SupCon with the mean over positives inside of the logarithm.

    .. math:: -\frac{1}{2N} \sum_{i=1}^{2N} \log \frac{1}{\lvert P(i) \rvert} \sum_{p \in P(i)}
        \frac{e^{s_{ip}}}{\sum_{a \ne i} e^{s_{ia}}}, \qquad s = \cos / \tau

    Never greater than `SupConOut`; content once one positive of each row is near.

    Needs: pairs; labels, or it is NT-Xent; negatives where there are any.

    Use it: where classes are wide, and not all of one class need come together.

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, labels are no classes, or the pairs have ``contrasted``.

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
        classes = classes_of(pairs)

        def of_rows(block: Block) -> Tensor:
            return mean_inside(*log_probabilities(block, classes, self.temperature))

        return two_views(pairs.unit()).mean(of_rows)


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


def log_probabilities(block: Block, classes: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return the log softmax of each row over the others, and which of them are of its class.

    Args:
        block: Some rows.
        classes: Of all rows; the first candidates are these rows, the others are of no class.
        temperature: τ.
    """
    is_positive = torch.zeros_like(block.is_negative)
    is_positive[:, : len(classes)] = classes[block.number].unsqueeze(1) == classes
    is_positive.scatter_(1, block.number.unsqueeze(1), False)
    # what a mask took out of the negatives but is of the row's class was none of them
    count_as_masked(len(block.number) - (is_positive & ~block.is_negative).sum())
    logits = block.candidates / temperature
    among = logits.masked_fill(~(is_positive | block.is_negative), -torch.inf)
    return logits - among.logsumexp(dim=1, keepdim=True), is_positive


def classes_of(pairs: Pairs) -> Tensor:
    """Return the class of each row of both views; where there are no labels, each its own.

    Raises:
        UsageError: When labels are no classes, other rows are not contrasted, or other embeddings
            stand for them.
    """
    if pairs.contrasted is not None:
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
