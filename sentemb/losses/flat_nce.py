"""FlatNCE, also known as decoupled contrastive learning."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sentemb.losses.contrast import RowLoss, Similarities, one_way, two_views


@dataclass(frozen=True)
class FlatNCE(RowLoss):
    r"""InfoNCE without its saturation: the gradient never fades as the positive wins.

    .. math:: \frac{1}{2N} \sum_{i=1}^{2N} \log \xi_i, \qquad
        \xi_i = \sum_{j \ne i, p(i)} e^{s_{ij} - s_{i,p(i)}}, \qquad s = \cos / \tau

    Its gradient equals the gradient of the paper's :math:`\xi / \mathrm{stopgrad}(\xi)`; this form
    has a value worth showing, which is negative once positives win: that is normal. The gradient
    with respect to the positive's cosine is −1/τ for every row, always, so gradients are larger
    than InfoNCE's; training does not clip them unless asked to. A row without negatives counts as
    0.

    Needs: pairs; negatives where there are any.

    Use it: for small batches or easy negatives, where InfoNCE's gradient has faded.

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, or the batch has no negative.

    Source: Chen et al., 2021 (arXiv:2107.01152), on two views; the same as DCL, Yeh et
        al., 2021 (arXiv:2110.06848).

    Example:
        >>> import torch
        >>> from sentemb import Pairs
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> FlatNCE(temperature=1.0)(pairs)  # log(2/e)
        tensor(-0.3069)
    """

    temperature: float = 0.1
    candidates = two_views
    constant_gradient: ClassVar[bool] = True

    def of_rows(self, s: Similarities) -> Tensor:
        """Return log ξ of each row."""
        return s.or_zero(s.log_xi(self.temperature))


@dataclass(frozen=True)
class FlatNCEOneWay(RowLoss):
    r"""FlatNCE with the candidates of SimCSE: positives and negatives, no anchors.

    .. math:: \frac1N \sum_i \log \xi_i, \qquad \xi_i = \sum_{j \ne i} e^{s_{ij} - s_{ii}} +
        \sum_j e^{s^-_{ij} - s_{ii}}, \qquad s = \cos / \tau

    Needs: pairs; negatives where there are any.

    Use it: as `FlatNCE`, in the place of SimCSE's InfoNCE.

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, or the batch has no negative.

    Source: Chen et al., 2021 (arXiv:2107.01152), applied to SimCSE's one direction.

    Example:
        >>> import torch
        >>> from sentemb import Pairs
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> FlatNCEOneWay(temperature=1.0)(pairs)  # log(1/e)
        tensor(-1.)
    """

    temperature: float = 0.05
    candidates = one_way
    constant_gradient: ClassVar[bool] = True

    def of_rows(self, s: Similarities) -> Tensor:
        """Return log ξ of each row."""
        return s.or_zero(s.log_xi(self.temperature))
