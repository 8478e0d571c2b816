"""Targets: copies that follow what is trained, as an exponential moving average."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from sentemb.errors import UsageError
from sentemb.values import is_number

Schedule = Callable[[float], float]
"""From the progress of a run, in [0, 1], to the momentum."""
Module = TypeVar("Module", bound=nn.Module)


@dataclass(frozen=True)
class ConstantMomentum:
    """The same momentum throughout.

    Args:
        momentum: Weight of the old target, in [0, 1].

    Raises:
        UsageError: When it is out of its range.

    Source: He et al., 2020, MoCo (arXiv:1911.05722), equation 2.
    """

    momentum: float

    def __post_init__(self) -> None:
        _check(self.momentum)

    def __call__(self, progress: float) -> float:
        """Return the momentum."""
        return self.momentum


@dataclass(frozen=True)
class CosineMomentum:
    r"""Momentum that rises to 1 along a half cosine, so that the target comes to rest.

    .. math:: m = 1 - (1 - m_0) \frac{\cos(\pi k / K) + 1}{2}

    Args:
        momentum: :math:`m_0`, at the start, in [0, 1].

    Raises:
        UsageError: When it is out of its range.

    Source: Grill et al., 2020, BYOL (arXiv:2006.07733), section 3.3.

    Example:
        >>> CosineMomentum(0.99)(0.0), CosineMomentum(0.99)(1.0)
        (0.99, 1.0)
    """

    momentum: float

    def __post_init__(self) -> None:
        _check(self.momentum)

    def __call__(self, progress: float) -> float:
        """Return the momentum at a share of the run, in [0, 1]."""
        return 1 - (1 - self.momentum) * (math.cos(math.pi * progress) + 1) / 2


def target_of(online: Module) -> Module:
    """Return a copy that no gradient reaches."""
    return copy.deepcopy(online).requires_grad_(False)


@torch.no_grad()
def follow(
    target: nn.Module, online: nn.Module, momentum: float, taken: Tensor | float = 1.0
) -> None:
    r"""Move the target's parameters a little towards the online ones; copy the buffers.

    .. math:: \theta_t \leftarrow m \, \theta_t + (1 - m) \, \theta

    Args:
        target: What follows.
        online: What is followed.
        momentum: m.
        taken: 0 where the parameters are to stay as they are, else 1.
    """
    weight = taken * (1 - momentum)
    for old, new in zip(target.parameters(), online.parameters(), strict=True):
        old.lerp_(new, weight)
    for copied, buffer in zip(target.buffers(), online.buffers(), strict=True):
        copied.copy_(buffer)


def _check(momentum: float) -> None:
    if not (is_number(momentum) and 0 <= momentum <= 1):
        raise UsageError(f"momentum is the weight of the old target, in [0, 1], got {momentum!r}.")
