"""What a loss is, losses made of losses, and how a loss is taken apart."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, cast, runtime_checkable

import torch
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.checks import check_positive
from sentemb.losses.compared_by import PairScore
from sentemb.losses.contrast import Contrasting
from sentemb.losses.guide import Margins
from sentemb.pairs import Pairs

Term = Callable[[Pairs], Tensor]
"""Any function of pairs that returns a scalar is a loss."""

Loss = Callable[[Pairs], Tensor | dict[str, Tensor]]
"""A loss may name its terms: they are summed, and each is logged."""


def parts(loss: Loss) -> Iterator[Loss]:
    """Yield a loss and every loss in it."""
    yield loss
    for term in getattr(loss, "terms", ()):
        yield from parts(term)


@runtime_checkable
class FollowsSteps(Protocol):
    """A loss or a head that changes with the run, or keeps in its range what it learns."""

    def on_step_end(self, progress: float) -> None:
        """Follow a step.

        Args:
            progress: Through the run, in [0, 1].
        """


def learned_scale(loss: Loss) -> float:
    """Return what a loss has learned to multiply cosines by, 1/τ; 1 where it learns no scale."""
    for part in parts(loss):
        learned = getattr(part, "log_inverse_temperature", None)
        if learned is not None:
            return math.exp(float(learned.detach()))
    return 1.0


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


def masked_negatives(loss: Loss, pairs: Pairs) -> Tensor | None:
    """Count the candidates that a loss leaves out as false negatives, for text or similarity.

    None where nothing in it contrasts rows with candidates.
    """
    if isinstance(loss, Contrasting):
        with torch.no_grad():
            return loss.masked(pairs)
    terms = [(term, pairs) for term in getattr(loss, "terms", ())]
    given = loss.given(pairs) if isinstance(loss, Around) else terms
    counts = [count for each in given if (count := masked_negatives(*each)) is not None]
    return torch.stack(counts).sum() if counts else None


def without_similar(loss: Loss, above: float = math.inf, margins: Margins | None = None) -> Loss:
    """Return a loss whose contrasts leave out similar candidates.

    Args:
        loss: Any.
        above: The greatest cosine of a candidate.
        margins: Of a teacher's similarities.
    """
    return _each_contrast(loss, lambda contrast: contrast.with_mask(above, margins))


def by_score(loss: Loss, score: PairScore) -> Loss:
    """Return a loss whose contrasts are by a score.

    Raises:
        UsageError: When there is none, or it is made for cosines.
    """
    if not any(isinstance(part, Contrasting) for part in parts(loss)):
        raise UsageError(
            f"{type(loss).__name__} contrasts no candidates, so that `score` has no effect: leave "
            "it out."
        )
    return _each_contrast(loss, lambda contrast: contrast.with_score(score))


def _each_contrast(loss: Loss, change: Callable[[Contrasting], Contrasting]) -> Loss:
    """Return a loss with every loss in it that contrasts changed."""
    if isinstance(loss, Contrasting):
        return cast("Loss", change(loss))
    if isinstance(loss, Sum | Around):
        return loss.of([_each_contrast(term, change) for term in loss.terms])
    return loss


def has_constant_gradient(loss: Loss) -> bool:
    """Say whether the gradient keeps its size however well the loss is met (FlatNCE)."""
    return any(getattr(part, "constant_gradient", False) for part in parts(loss))


def warnings_of(loss: Loss, negatives: int) -> list[str]:
    """Describe the options of a loss that choose nothing where a row has so few negatives."""
    each = (getattr(part, "without_choice", lambda _: "")(negatives) for part in parts(loss))
    return [warning for warning in each if warning]


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

    def of(self, terms: Sequence[Loss]) -> Self:
        """Return the same sum of other terms."""
        return replace(self, terms=tuple(terms))


@dataclass(frozen=True)
class Around:
    """What losses around one loss share.

    Args:
        contrast: The loss.
    """

    contrast: Loss

    @property
    def terms(self) -> tuple[Loss, ...]:
        """The loss in it."""
        return (self.contrast,)

    def of(self, terms: Sequence[Loss]) -> Self:
        """Return the same around another loss."""
        (contrast,) = terms
        return replace(self, contrast=contrast)

    def given(self, pairs: Pairs) -> list[tuple[Loss, Pairs]]:
        """Return the loss, and the pairs it is given, as often as it is computed."""
        return [(self.contrast, pairs)]


@dataclass(frozen=True)
class EachSentence(Around):
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

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the sum of both halves' losses, a scalar."""
        first, second = (total(contrast(half)) for contrast, half in self.given(pairs))
        return first + second

    def given(self, pairs: Pairs) -> list[tuple[Loss, Pairs]]:
        """Return the loss with either half of the pairs.

        Raises:
            UsageError: When the number of rows is odd.
        """
        if len(pairs.anchor) % 2:
            raise UsageError(
                f"EachSentence needs two sentences of each pair, got {len(pairs.anchor)} rows: use "
                "a twin that sees both, as PairClassifier."
            )
        texts: tuple[Tensor | None, ...] = (None, None)
        if pairs.texts is not None:
            texts = pairs.texts.view(2, 2, -1).transpose(0, 1).flatten(1).unbind()
        names = ("anchor", "positive", "teacher", "teacher_positive")
        given = {name: x for name in names if (x := getattr(pairs, name)) is not None}
        halves = (
            {name: x.chunk(2)[number] for name, x in given.items()} | {"texts": texts[number]}
            for number in (0, 1)
        )
        return [
            (self.contrast, replace(pairs, logits=None, labels=None, **half)) for half in halves
        ]
