"""SimCSE++'s contrast of dimensions."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.losses.barlow_twins import cross_correlation
from sentemb.losses.checks import check_positive, need_two_rows
from sentemb.pairs import Pairs

EPSILON = 1e-5
"""Of batch normalisation, which the authors' code uses."""


@dataclass(frozen=True)
class DimensionWise:
    r"""Each dimension of one view is to find itself among the dimensions of the other.

    .. math:: -\frac1D \sum_c \log \frac{e^{C_{cc} / \tau}}{\sum_d e^{C_{cd} / \tau}}, \qquad
        C = \frac1N \hat X^\top \hat Y

    C is the cross-correlation of both views, each dimension standardised over the batch.

    Needs: pairs.

    Use it: beside InfoNCE, with weight 0.1, against dimensions that say the same.

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, or the batch has one pair.

    Source: Xu et al., 2023, SimCSE++ (arXiv:2305.13192), and the authors' code; the paper calls it
        DCL, which is not decoupled contrastive learning.

    Example:
        >>> import torch
        >>> x = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
        >>> DimensionWise(temperature=1.0)(Pairs(x, x))  # log(1 + 1/e)
        tensor(0.3133)
    """

    temperature: float = 5.0

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the dimensions, a scalar."""
        need_two_rows(pairs, self)
        logits = cross_correlation(pairs.anchor, pairs.positive, EPSILON) / self.temperature
        return F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))
