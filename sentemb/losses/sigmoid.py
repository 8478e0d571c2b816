"""SigLIP's loss: every pair of anchor and candidate is judged alone."""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sentemb.losses.checks import check_finite, check_positive
from sentemb.losses.contrast import Contrasting, Similarities, one_way
from sentemb.pairs import Pairs


class Sigmoid(nn.Module, Contrasting):
    r"""Binary cross-entropy of matching, for each anchor with each candidate.

    .. math:: \frac1N \sum_i \Bigl( \log(1 + e^{-l_{ii}}) + \sum_{j \ne i} \log(1 + e^{l_{ij}})
        \Bigr), \qquad l = \cos / \tau + b

    τ (as ln(1/τ)) and the bias b are learned; b starts so low that the many negatives do not swamp
    the first steps.

    Needs: pairs; negatives where there are any.

    Use it: for very large or very small batches: no softmax couples the candidates.

    Args:
        temperature: τ at the start.
        bias: b at the start.

    Raises:
        UsageError: When τ is not positive, or the batch has no negative.

    Source: Zhai et al., 2023, SigLIP (arXiv:2303.15343), section 3.2.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> float(Sigmoid(temperature=0.1, bias=0.0)(pairs).detach())  # log 2 + log(1 + 1/e^10)
        0.6931...
    """

    candidates = one_way

    def __init__(self, temperature: float = 0.1, bias: float = -10.0) -> None:
        super().__init__()
        check_positive(temperature=temperature)
        check_finite(bias=bias)
        self.log_inverse_temperature = nn.Parameter(torch.tensor(-math.log(temperature)))
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    def forward(self, pairs: Pairs) -> Tensor:
        """Return the mean over the batch, a scalar."""
        (contrast,) = self.contrasts(pairs)
        return contrast.mean(self.of_rows)

    def of_rows(self, s: Similarities) -> Tensor:
        """Return the binary cross-entropies of each row."""
        inverse = self.log_inverse_temperature.exp()
        positive = inverse * s.positive + self.bias
        negatives = F.softplus(inverse * s.candidates + self.bias)
        return F.softplus(-positive) + s.sum(negatives)

    def extra_repr(self) -> str:
        """Show temperature and bias as they are now."""
        temperature = math.exp(-self.log_inverse_temperature.item())
        return f"temperature={temperature:.4g}, bias={self.bias.item():.4g}"
