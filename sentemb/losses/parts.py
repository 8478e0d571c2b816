"""The parts of a loss, and its value."""

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
        UsageError: When the loss, or a term of it, is not one number.
    """
    if not isinstance(value, dict):
        return _scalar(value, "A loss")
    if not value:
        raise UsageError("A loss returned a dict without a term; return one number by each name.")
    return torch.stack([_scalar(term, f"Term '{name}'") for name, term in value.items()]).sum()


def _scalar(value: object, what: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise UsageError(
            f"{what} is a {type(value).__name__}, but training needs a tensor of one number, made "
            "from the embeddings."
        )
    if value.ndim:
        raise UsageError(
            f"{what} has the shape {list(value.shape)}, but training needs one number: return the "
            "mean over the batch."
        )
    return value


def warnings_of(loss: Loss, negatives: int) -> list[str]:
    """Describe the options of a loss that choose nothing where a row has so few negatives."""
    each = (getattr(part, "without_choice", lambda _: "")(negatives) for part in parts(loss))
    return [warning for warning in each if warning]
