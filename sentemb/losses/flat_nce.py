"""FlatNCE, also known as decoupled contrastive learning."""

from dataclasses import dataclass

from torch import Tensor

from sentemb.losses.log_xi import check_temperature, log_xi_one_way, log_xi_two_views
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class FlatNCE:
    r"""InfoNCE without its saturation: the gradient never fades as the positive wins.

    .. math:: \frac{1}{2N} \sum_{i=1}^{2N} \log \xi_i, \qquad
        \xi_i = \sum_{j \ne i, p(i)} e^{s_{ij} - s_{i,p(i)}}, \qquad s = \cos / \tau

    Its gradient equals that of the paper's :math:`\xi / \mathrm{stopgrad}(\xi)`; this form has a
    value worth showing, which is negative once positives win: that is normal. The gradient with
    respect to the positive's cosine is −1/τ for every row, always, so gradients are larger than
    InfoNCE's and clipping at norm 1 acts at most steps.

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, or the batch has no negative.

    Source: Chen et al., 2021 (arXiv:2107.01152), on two views; the same as DCL, Yeh et
        al., 2021 (arXiv:2110.06848).

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> FlatNCE(temperature=1.0)(pairs)  # log(2/e)
        tensor(-0.3069)
    """

    temperature: float = 0.1

    def __post_init__(self) -> None:
        check_temperature(self.temperature)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over both views' rows, a scalar."""
        return log_xi_two_views(pairs, self.temperature).mean()


@dataclass(frozen=True)
class FlatNCEOneWay:
    r"""FlatNCE with the candidates of SimCSE: positives and negatives, no anchors.

    .. math:: \frac1N \sum_i \log \xi_i, \qquad \xi_i = \sum_{j \ne i} e^{s_{ij} - s_{ii}},
        \qquad s = \cos / \tau

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, or the batch has no negative.

    Source: Chen et al., 2021 (arXiv:2107.01152), applied to SimCSE's one direction.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> FlatNCEOneWay(temperature=1.0)(pairs)  # log(1/e)
        tensor(-1.)
    """

    temperature: float = 0.05

    def __post_init__(self) -> None:
        check_temperature(self.temperature)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the batch, a scalar."""
        return log_xi_one_way(pairs, self.temperature).mean()
