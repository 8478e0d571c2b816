"""Losses made of losses."""

from dataclasses import dataclass, replace

from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.loss import Term
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class Sum:
    r"""A weighted sum of losses, each logged: :math:`\sum_k w_k \mathcal L_k`.

    Args:
        terms: The losses.
        weights: One for each.

    Raises:
        UsageError: When there are not as many weights as terms.

    Example:
        >>> import torch
        >>> def constant(pairs):
        ...     return torch.tensor(2.0)
        >>> Sum((constant,), weights=(0.5,))(Pairs(torch.eye(2), torch.eye(2)))
        {'constant': tensor(1.)}
    """

    terms: tuple[Term, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.terms) != len(self.weights):
            raise UsageError(
                f"Sum needs a weight for each term, got {len(self.terms)} terms and "
                f"{len(self.weights)} weights."
            )

    def __call__(self, pairs: Pairs) -> dict[str, Tensor]:
        """Return each term times its weight, by the name of the loss."""
        return {
            getattr(term, "__name__", type(term).__name__): weight * term(pairs)
            for term, weight in zip(self.terms, self.weights, strict=True)
        }


@dataclass(frozen=True)
class EachSentence:
    r"""Contrast first with first and second with second sentences only, and add.

    .. math:: \mathcal L(u, u') + \mathcal L(v, v')

    For a twin whose anchors are two sentences of each pair, one half after the other
    (`sentemb.twins.PairClassifier`): contrasted all together, what a pair entails would be a
    negative.

    Args:
        contrast: The loss of either half.

    Source: Yan et al., 2021 (arXiv:2105.11741), the authors' repository (joint training).

    Example:
        >>> import torch
        >>> from sentemb.losses import InfoNCE
        >>> two = Pairs(torch.eye(2), torch.eye(2))
        >>> four = Pairs(torch.eye(2).repeat(2, 1), torch.eye(2).repeat(2, 1))
        >>> bool(EachSentence(InfoNCE())(four) == 2 * InfoNCE()(two))
        True
    """

    contrast: Term

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the sum of both halves' losses, a scalar."""
        first, second = (
            replace(pairs, anchor=anchor, positive=positive, logits=None, labels=None)
            for anchor, positive in zip(pairs.anchor.chunk(2), pairs.positive.chunk(2), strict=True)
        )
        return self.contrast(first) + self.contrast(second)
