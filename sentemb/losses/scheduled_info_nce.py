"""InfoNCE whose temperature swings during a run."""

import math
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sentemb.errors import UsageError
from sentemb.losses.checks import check_positive
from sentemb.losses.contrast import Contrasting, Similarities, one_way
from sentemb.pairs import Pairs


class ScheduledInfoNCE(nn.Module, Contrasting):
    r"""InfoNCE whose temperature falls from its highest to its lowest, and rises again.

    .. math:: \tau(t) = \tau_- + \tfrac12 (\tau_+ - \tau_-) (1 + \cos(2 \pi c t))

    t is the progress of the run, from 0 to 1, and moves with each step. It is saved in
    checkpoints.

    Needs: pairs; negatives where there are any.

    Use it: on data with frequent and rare topics, which ask for high and low temperatures.

    Args:
        lowest: τ₋.
        highest: τ₊, where the run starts.
        cycles: c, falls and rises in a run; 0.5 falls once.

    Raises:
        UsageError: When a value is not positive, τ₋ is above τ₊, or the batch has no negative.

    Source: Kukleva et al., 2023 (arXiv:2303.13664). Deviation: cycles are counted by run, not by
        epoch.

    Example:
        >>> loss = ScheduledInfoNCE(lowest=0.1, highest=1.0)
        >>> [round(float(loss.temperature()), 2) for t in (0, 0.25, 0.5) if not loss.on_step_end(t)]
        [1.0, 0.55, 0.1]
    """

    progress: Tensor
    candidates = one_way
    changes_with_the_run: ClassVar[bool] = True
    """So that its values before and after some steps are not compared."""

    def __init__(self, lowest: float = 0.05, highest: float = 0.2, cycles: float = 1.0) -> None:
        super().__init__()
        check_positive(lowest=lowest, highest=highest, cycles=cycles)
        if lowest > highest:
            raise UsageError(f"lowest must not be above highest, got {lowest} and {highest}.")
        self.lowest, self.highest, self.cycles = lowest, highest, cycles
        self.register_buffer("progress", torch.zeros(()))

    def forward(self, pairs: Pairs) -> Tensor:
        """Return the mean over the anchors, a scalar."""
        (contrast,) = self.contrasts(pairs)
        return contrast.mean(self.of_rows)

    def of_rows(self, s: Similarities) -> Tensor:
        """Return log(1 + ξ) of each row."""
        return F.softplus(s.log_xi(self.temperature()))

    def temperature(self) -> Tensor:
        """Return τ as it is now."""
        swing = 1 + torch.cos(2 * math.pi * self.cycles * self.progress)
        return self.lowest + (self.highest - self.lowest) / 2 * swing

    def on_step_end(self, progress: float) -> None:
        """Move on, to a progress in [0, 1]."""
        self.progress.fill_(progress)

    def extra_repr(self) -> str:
        """Show the range and the cycles."""
        return f"lowest={self.lowest}, highest={self.highest}, cycles={self.cycles}"
