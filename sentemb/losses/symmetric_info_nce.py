"""InfoNCE in both directions with a learned temperature, the loss of CLIP."""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sentemb.errors import UsageError
from sentemb.losses.checks import check_not_negative, check_positive
from sentemb.losses.contrast import Contrast, Contrasting, Similarities, one_way
from sentemb.pairs import Pairs

SMALLEST, GREATEST = 0.01, 1.0
"""CLIP keeps the scale 1/τ between 1 and 100."""


class SymmetricInfoNCE(nn.Module, Contrasting):
    r"""InfoNCE of anchors among positives, and of positives among anchors; τ is learned.

    .. math:: -\frac{1}{2N} \sum_i \Bigl( \log \frac{e^{s_{ii}}}{\sum_j e^{s_{ij}} + \sum_j
        e^{s^-_{ij}}} + \log \frac{e^{s_{ii}}}{\sum_j e^{s_{ji}}} \Bigr), \qquad s = \cos / \tau

    What is learned is ln(1/τ), and τ is kept between 0.01 and 1. For a temperature that stays:
    ``loss.log_inverse_temperature.requires_grad_(False)``.

    Needs: pairs; negatives where there are any, for the anchors only.

    Use it: when both sides of a pair are to find each other, as questions and answers. At the
        learning rates of fine-tuning the temperature stays near its start for hundreds of steps.

    Args:
        temperature: τ at the start, in [0.01, 1].
        hardness: α, as of `InfoNCE`; LLaVE has 9.

    Raises:
        UsageError: When τ is out of that range, α is negative, or the batch has no negative.

    Source: Radford et al., 2021, CLIP (arXiv:2103.00020), figure 3; α is from Lan et al.,
        2025, LLaVE (arXiv:2503.04812).

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> float(SymmetricInfoNCE(temperature=1.0)(pairs).detach())  # log(1 + 1/e)
        0.3132...
    """

    def __init__(self, temperature: float = 0.07, hardness: float = 0.0) -> None:
        super().__init__()
        check_positive(temperature=temperature)
        check_not_negative(hardness=hardness)
        if not SMALLEST <= temperature <= GREATEST:
            raise UsageError(
                f"A learned temperature is kept in [{SMALLEST}, {GREATEST:g}], got {temperature}."
            )
        self.hardness = hardness
        self.log_inverse_temperature = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self, pairs: Pairs) -> Tensor:
        """Return the mean over both directions, a scalar."""
        self.on_step_end()
        directions = [contrast.mean(self.of_rows) for contrast in self.contrasts(pairs)]
        return torch.stack(directions).sum() / 2

    @torch.no_grad()
    def on_step_end(self, progress: float = 1.0) -> None:
        """Keep the temperature in its range.

        Args:
            progress: Through the run; not read.
        """
        self.log_inverse_temperature.clamp_(-math.log(GREATEST), -math.log(SMALLEST))

    def contrasts(self, pairs: Pairs) -> tuple[Contrast, ...]:
        """Return both directions; a lone positive has no other anchor to choose from."""
        back = [one_way(pairs.swapped())] if len(pairs.anchor) > 1 else []
        return self.asked(one_way(pairs), *back)

    def of_rows(self, s: Similarities) -> Tensor:
        """Return log(1 + ξ) of each row."""
        temperature = (-self.log_inverse_temperature).exp()
        return F.softplus(s.log_xi(temperature, s.hardness(self.hardness)))

    def extra_repr(self) -> str:
        """Show the temperature as it is now."""
        more = f", hardness={self.hardness}" if self.hardness else ""
        return f"temperature={math.exp(-self.log_inverse_temperature.item()):.4g}{more}"
