"""Decoupled contrastive learning with weighted positives."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sentemb.losses.checks import check_positive
from sentemb.losses.contrast import Contrasting, Similarities, two_views
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class DCLW(Contrasting):
    r"""FlatNCE that pulls a positive the more, the farther it is.

    .. math:: \frac{1}{2N} \sum_{i=1}^{2N} \Bigl( \log \sum_{j \ne i, p(i)} e^{s_{ij}}
        - w_i \, s_{i,p(i)} \Bigr), \qquad
        w_i = 2 - \frac{e^{c_i / \sigma}}{\frac1N \sum_k e^{c_k / \sigma}}, \qquad s = \cos / \tau

    c is the cosine of a pair; the weights have mean 1 and carry no gradient.

    Needs: pairs; negatives where there are any.

    Use it: as `FlatNCE`, where positives differ much in how close they are.

    Args:
        temperature: τ.
        sigma: σ, concentration of the weights; raising it makes them equal.

    Raises:
        UsageError: When τ or σ is not positive, or the batch has no negative.

    Source: Yeh et al., 2021 (arXiv:2110.06848), equation 6 with its von Mises-Fisher weights.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> DCLW(temperature=1.0)(pairs)  # equal weights: log(2/e)
        tensor(-0.3069)
    """

    temperature: float = 0.1
    sigma: float = 0.5
    candidates = two_views
    constant_gradient: ClassVar[bool] = True
    only_by_cosine: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature, sigma=self.sigma)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over both views' rows, a scalar."""
        unit = pairs.unit()
        cosine = (unit.anchor * unit.positive).sum(dim=1).detach()
        weight = 2 - len(cosine) * (cosine / self.sigma).softmax(dim=0)
        (contrast,) = self.contrasts(pairs)
        return contrast.mean(lambda s: self.of_rows(s, weight.repeat(2)))

    def of_rows(self, s: Similarities, weight: Tensor) -> Tensor:
        """Return log ξ of each row, less what its weight pulls beyond 1."""
        pull = (weight[s.number] - 1) * s.positive / self.temperature
        return s.or_zero(s.log_xi(self.temperature)) - pull * s.is_negative.any(dim=1)
