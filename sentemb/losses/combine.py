"""Losses made of losses."""

from dataclasses import dataclass, replace

from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.checks import check_positive
from sentemb.losses.loss import Loss
from sentemb.losses.parts import total
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class Sum:
    r"""A weighted sum of losses, each logged.

    .. math:: \sum_k w_k \, \mathcal L_k

    Needs: what its terms need.

    Use it: to add a regulariser, as 0.1 × `DimensionWise` beside `InfoNCE`.

    Args:
        terms: The losses.
        weights: One for each.

    Raises:
        UsageError: When there are not as many weights as terms, or one is not positive.

    Example:
        >>> import torch
        >>> def constant(pairs):
        ...     return torch.tensor(2.0)
        >>> Sum((constant,), weights=(0.5,))(Pairs(torch.eye(2), torch.eye(2)))
        {'constant': tensor(1.)}
    """

    terms: tuple[Loss, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.terms) != len(self.weights):
            raise UsageError(
                f"Sum needs a weight for each term, got {len(self.terms)} terms and "
                f"{len(self.weights)} weights."
            )
        check_positive(**{f"weight of term {k}": w for k, w in enumerate(self.weights, start=1)})

    def __call__(self, pairs: Pairs) -> dict[str, Tensor]:
        """Return each term times its weight, by the name of the loss."""
        values: dict[str, Tensor] = {}
        for term, weight in zip(self.terms, self.weights, strict=True):
            name = getattr(term, "__name__", type(term).__name__)
            values[name] = values.get(name, 0) + weight * total(term(pairs))
        return values


@dataclass(frozen=True)
class EachSentence:
    r"""Contrast first with first and second with second sentences only, and add.

    .. math:: \mathcal L(u, u') + \mathcal L(v, v')

    For a twin whose anchors are two sentences of each pair, one half after the other
    (`sentemb.twins.PairClassifier`): contrasted all together, what a pair entails would be a
    negative.

    Needs: what its loss needs, from a twin that sees both sentences of a pair.

    Use it: beside `CrossEntropy` in joint training.

    Args:
        contrast: The loss of either half.

    Raises:
        UsageError: When the number of rows is odd.

    Source: Yan et al., 2021 (arXiv:2105.11741), the authors' repository (joint training).

    Example:
        >>> import torch
        >>> from sentemb.losses import InfoNCE
        >>> two = Pairs(torch.eye(2), torch.eye(2))
        >>> four = Pairs(torch.eye(2).repeat(2, 1), torch.eye(2).repeat(2, 1))
        >>> bool(EachSentence(InfoNCE())(four) == 2 * InfoNCE()(two))
        True
    """

    contrast: Loss

    @property
    def terms(self) -> tuple[Loss, ...]:
        """The loss in it."""
        return (self.contrast,)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the sum of both halves' losses, a scalar."""
        if len(pairs.anchor) % 2:
            raise UsageError(
                f"EachSentence needs two sentences of each pair, got {len(pairs.anchor)} rows: use "
                "a twin that sees both, as PairClassifier."
            )
        texts: tuple[Tensor | None, ...] = (None, None)
        if pairs.texts is not None:
            texts = pairs.texts.view(2, 2, -1).transpose(0, 1).flatten(1).unbind()
        first, second = (
            replace(pairs, anchor=anchor, positive=positive, logits=None, labels=None, texts=half)
            for anchor, positive, half in zip(
                pairs.anchor.chunk(2), pairs.positive.chunk(2), texts, strict=True
            )
        )
        return total(self.contrast(first)) + total(self.contrast(second))
