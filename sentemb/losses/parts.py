"""What a loss is made of, and what it comes to."""

from collections.abc import Iterator

import torch
from torch import Tensor

from sentemb.errors import UsageError
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
    """Return the sum of a loss's terms, or the loss where it names none.

    Raises:
        UsageError: When the loss, or one of its terms, is no tensor of one number.
    """
    terms = value if isinstance(value, dict) else {"loss": value}
    for name, term in terms.items():
        if not isinstance(term, Tensor) or term.ndim:
            of = f"shape {list(term.shape)}" if isinstance(term, Tensor) else type(term).__name__
            raise UsageError(
                "A loss returns one number as a tensor of shape [], or a dict of such tensors; "
                f"'{name}' is of {of}: return the mean over the rows."
            )
    return torch.stack(list(terms.values())).sum() if isinstance(value, dict) else value
