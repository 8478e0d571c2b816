"""Alignment and uniformity as a loss."""

from dataclasses import dataclass

from torch import Tensor

from sentemb.functional import alignment, uniformity
from sentemb.losses.checks import check_not_negative
from sentemb.losses.pairings import within_view
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class AlignmentUniformity:
    r"""Positives close on the unit sphere, everything spread over it.

    .. math:: \lambda \, \frac1N \sum_i \lVert x_i - y_i \rVert^2
        + \frac12 \sum_{z \in \{x, y\}} \log \frac{2}{N(N-1)} \sum_{i<j} e^{-2 \lVert z_i - z_j
        \rVert^2}

    x are the anchors and y the positives, at length 1.

    Needs: pairs.

    Use it: to optimise directly what InfoNCE's two parts come to, and weigh them.

    Args:
        alignment_weight: λ; raising it pulls positives together more.

    Raises:
        UsageError: When λ is negative.
        ValueError: When the batch has one pair.

    Source: Wang and Isola, 2020 (arXiv:2005.10242), with α = 2 and t = 2.

    Example:
        >>> import torch
        >>> AlignmentUniformity()(Pairs(torch.eye(2), torch.eye(2)))  # squared distance 2
        tensor(-4.0000)
    """

    alignment_weight: float = 1.0

    def __post_init__(self) -> None:
        check_not_negative(alignment_weight=self.alignment_weight)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the weighted sum, a scalar."""
        x, y = pairs.anchor, pairs.positive
        x_texts, y_texts = (None, None) if pairs.texts is None else pairs.split_texts()[:2]
        of_x = uniformity(x, within_view(x, x_texts, y_texts, pairs.mask_above))
        of_y = uniformity(y, within_view(y, y_texts, x_texts, pairs.mask_above))
        return self.alignment_weight * alignment(x, y) + (of_x + of_y) / 2
