"""What a loss is made of, and what it comes to."""

from collections.abc import Iterator

import torch
from torch import Tensor

from sentemb.losses.loss import Loss


def parts(loss: Loss) -> Iterator[Loss]:
    """Yield a loss and every loss in it."""
    yield loss
    for term in getattr(loss, "terms", ()):
        yield from parts(term)


def never_fades(loss: Loss) -> bool:
    """Say whether the gradient keeps its size however well the loss is met (FlatNCE)."""
    return any(getattr(part, "never_fades", False) for part in parts(loss))


def total(value: Tensor | dict[str, Tensor]) -> Tensor:
    """Return the sum of a loss's terms, or the loss where it names none."""
    return value if isinstance(value, Tensor) else torch.stack(list(value.values())).sum()
