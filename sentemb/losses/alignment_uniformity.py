"""Alignment and uniformity as a loss."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sentemb.functional import alignment, uniformity
from sentemb.losses.checks import check_not_negative
from sentemb.losses.contrast import Contrast, Contrasting, within_view
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class AlignmentUniformity(Contrasting):
    r"""Positives close on the unit sphere, everything spread over it.

    .. math:: \lambda \, \frac1N \sum_i \lVert x_i - y_i \rVert^2
        + \frac12 \sum_{z \in \{x, y\}} \log \frac{2}{N(N-1)} \sum_{i<j} e^{-2 \lVert z_i - z_j
        \rVert^2}

    x are the anchors and y the positives, at length 1.

    Needs: pairs.

    Use it: to optimise the two parts of InfoNCE directly, and to weigh them.

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
    only_by_cosine: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_not_negative(alignment_weight=self.alignment_weight)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the weighted sum, a scalar."""
        x, y = pairs.anchor, pairs.positive
        every = torch.arange(len(x), device=x.device)
        of_x, of_y = (uniformity(c.rows, c.is_negative(every)) for c in self.contrasts(pairs))
        return self.alignment_weight * alignment(x, y) + (of_x + of_y) / 2

    def contrasts(self, pairs: Pairs) -> tuple[Contrast, ...]:
        """Return both views, each contrasted with itself."""
        first, second = pairs.views()
        return self.asked(within_view(first, second), within_view(second, first))
