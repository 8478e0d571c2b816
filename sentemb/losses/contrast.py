r"""The contrast: the similarities of rows and candidates, which are negatives, a loss of each row.

A loss with negatives is a function of the similarities of some rows, and its value is the mean over
all rows. `one_way` and `two_views` say what is a candidate of which row; `RowLoss` is the base of
the losses.
"""

import copy
import math
from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sentemb.errors import UsageError
from sentemb.losses.blockwise import Compared, mean_blockwise, parts_of, similarities_to
from sentemb.losses.checks import check_positive
from sentemb.losses.compared_by import Cosine, Dot, PairScore
from sentemb.losses.guide import Guide, Margins, TeacherVectors, teacher_vectors
from sentemb.losses.log_sum import log_sum_exp
from sentemb.pairs import Pairs, Side
from sentemb.text_ids import Texts, numbered_texts
from sentemb.types import Embeddings, SimilarityMatrix

BLOCK = 2**19
"""Similarities held at once; half a million in float32 are 2 MiB."""
ROWS = 128
"""Rows at once all the same, where the candidates are so many that fewer would be slow."""

DOT = Dot()
LEAST_SINE_SQUARED = 1e-6
"""Of the angle of a positive, whose sine the gradient of an angular margin divides by."""


@dataclass(frozen=True)
class Similarities:
    r"""Similarities of some rows with their positives and candidates.

    Args:
        positive: Of each row and its positive, shape ``[rows]``.
        candidates: Of each row and every candidate, shape ``[rows, candidates]``.
        is_negative: Which candidates are negatives of which row, same shape.
        number: The number of each row in its contrast, shape ``[rows]``.
        owners: For each candidate the row whose own hard negative it is, −1 for nobody's, shape
            ``[candidates]``; None where no row has an own one.
    """

    positive: Tensor
    candidates: SimilarityMatrix
    is_negative: Tensor
    number: Tensor
    owners: Tensor | None = None

    def log_xi(self, temperature: float | Tensor, log_weights: Tensor | float = 0.0) -> Tensor:
        r"""Return the sum that the losses with a softmax share, shape ``[rows]``.

        .. math:: \log \xi_i = \log \sum_{j \in N(i)} e^{(s_{ij} - s_{i+}) / \tau}

        InfoNCE is :math:`\log(1 + \xi)`, FlatNCE is :math:`\log \xi`. Written so, InfoNCE keeps its
        gradient in float32 where the softmax form has rounded it away (Chen et al., 2021,
        arXiv:2107.01152). −inf for a row without negatives.

        Args:
            temperature: τ.
            log_weights: Logarithm of a weight for each candidate.
        """
        return log_sum_exp(
            self.candidates, self.positive, temperature, log_weights, self.is_negative
        )

    def with_margin(self, degrees: float) -> Self:
        r"""Return the same with each positive farther by an angle, :math:`\cos(\theta + m)`.

        An angle beyond 180° counts as 180°. The similarities must be cosines.
        """
        m, c = math.radians(degrees), self.positive
        farther = c * math.cos(m) - (1 - c.square()).clamp(
            min=LEAST_SINE_SQUARED
        ).sqrt() * math.sin(m)
        return replace(self, positive=farther.masked_fill(c < -math.cos(m), -1.0))

    def of_hard_negatives(self, own: float, others: float) -> Tensor:
        """Return one number for a row's own hard negatives, one for other rows', 0 for the rest.

        Shape ``[rows, candidates]``.
        """
        value = torch.zeros_like(self.candidates)
        if self.owners is None:
            return value
        is_own = self.owners == self.number.unsqueeze(1)
        return value.masked_fill_(self.owners >= 0, others).masked_fill_(is_own, own)

    def hardness(self, alpha: float) -> Tensor | float:
        """Return α times the similarity of each candidate, without a gradient; 0 where α is."""
        return alpha * self.candidates.detach() if alpha else 0.0

    def only(self, chosen: Tensor) -> Self:
        """Return the same with the chosen negatives alone, of each row, ``[rows, k]``."""
        among = torch.zeros_like(self.is_negative).scatter(1, chosen, True)
        return replace(self, is_negative=self.is_negative & among)

    def log_count(self) -> Tensor:
        """Return the logarithm of the number of each row's negatives; 0 where there is none."""
        count = self.is_negative.sum(dim=1).clamp(min=1)
        return count.to(self.positive.dtype).log()

    def log_sum(self, exponents: Tensor) -> Tensor:
        """Return log Σ exp over each row's negatives; −inf for a row without any."""
        nothing = torch.zeros_like(exponents[:, 0])
        return log_sum_exp(exponents, nothing, 1.0, 0.0, self.is_negative)

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of values over each row's negatives, shape ``[rows]``."""
        return values.masked_fill(~self.is_negative, 0.0).sum(dim=1)

    def or_zero(self, values: Tensor) -> Tensor:
        """Return the value of each row, and 0 for a row without negatives."""
        return values.masked_fill(~self.is_negative.any(dim=1), 0.0)


@dataclass(frozen=True)
class Contrast:
    """Rows, the positive of each, and the candidates that its negatives are among.

    Args:
        anchors: What is to be near its positive, shape ``[rows, dim]``.
        positives: Shape ``[rows, dim]``.
        rows: What is contrasted with the candidates; the anchors unless something stands for them.
        candidates: One after the other, each of shape ``[some, dim]``.
        own: For each row the candidates that are itself or its positive, shape ``[rows, k]``.
        texts: Where they are known, equal ones and pairs of the batch are false negatives.
        mask_above: Candidates of a greater cosine are false negatives.
        score: What a similarity is.
        teacher: What a teacher makes of the texts, where there is one.
        guide: Says which candidates are false negatives by the teacher.
        owners: As of `Similarities`.
    """

    anchors: Embeddings
    positives: Embeddings
    rows: Embeddings
    candidates: tuple[Embeddings, ...]
    own: Tensor
    texts: Texts | None = None
    mask_above: float = math.inf
    score: PairScore = DOT
    teacher: TeacherVectors | None = None
    guide: Guide | None = None
    owners: Tensor | None = None

    def mean(self, loss: Callable[[Similarities], Tensor]) -> Tensor:
        """Return the mean over the rows of a loss of each, shape ``[rows]``.

        Memory grows with the rows and with the candidates, not with their product: a large product
        is computed in blocks of rows, and so is its gradient. Value and gradient are the same.
        Distances are not products: all are held.

        Args:
            loss: From the similarities of some rows to the loss of each. Where it reads parameters
                that learn (a temperature), it is a method of the ``nn.Module`` that has them.
        """
        compared = self._compared()
        if not compared.in_blocks or len(self.rows) * self.count() <= BLOCK:
            return loss(self.similarities()).mean()
        owner = getattr(loss, "__self__", None)
        learned = list(owner.parameters()) if isinstance(owner, nn.Module) else []

        def of_rows(positive: Tensor, candidates: Tensor, number: Tensor) -> Tensor:
            negative = self.is_negative(number)
            return loss(Similarities(positive, candidates, negative, number, self.owners))

        return mean_blockwise(of_rows, self.numbers(), compared, learned)

    def similarities(self) -> Similarities:
        """Return the similarities of all rows."""
        number = torch.arange(len(self.rows), device=self.rows.device)
        products, negative = self._compared().products(), self.is_negative(number)
        return Similarities(*products, negative, number, self.owners)

    def count(self) -> int:
        """Return how many candidates there are."""
        return sum(len(part) for part in self.candidates)

    def _compared(self) -> Compared:
        given = (self.anchors, self.positives, self.rows, self.candidates)
        return self.score.of(Compared(*given, by_cosine=False))

    @torch.no_grad()
    def is_negative(self, number: Tensor) -> Tensor:
        """Say which candidates are negatives of which of some rows, ``[rows, candidates]``."""
        negative = torch.ones(len(number), self.count(), dtype=torch.bool, device=number.device)
        negative.scatter_(1, self.own[number], False)
        if self.texts is not None:
            negative &= ~self.texts.match(number)
        if self.mask_above != math.inf:
            parts = parts_of(self.candidates, True, [None] * len(self.candidates))
            cosines = similarities_to(parts, F.normalize(self.rows[number], dim=1))
            negative &= ~(cosines > self.mask_above)  # NaN stays, and is seen
        if self.guide is not None:
            negative &= ~self.guide.too_similar(number)
        return negative

    def is_false_negative(self, number: Tensor) -> Tensor:
        """Say which are not negatives for their text or similarity alone, same shape."""
        return (~self.is_negative(number)).scatter_(1, self.own[number], False)

    def masked(self, of_rows: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Count the false negatives of all rows.

        Args:
            of_rows: Says which they are of some rows; `is_false_negative` by default.
        """
        counted = of_rows or self.is_false_negative
        if self.texts is None and self.mask_above == math.inf and self.guide is None:
            return torch.zeros((), dtype=torch.long, device=self.rows.device)
        return torch.stack([counted(number).sum() for number in self.numbers()]).sum()

    def numbers(self) -> tuple[Tensor, ...]:
        """Return the numbers of the rows, as many at a time as are to be held at once."""
        at_once = max(ROWS, BLOCK // self.count())
        return torch.arange(len(self.rows), device=self.rows.device).tensor_split(
            list(range(at_once, len(self.rows), at_once))
        )


Candidates = Callable[[Pairs], Contrast]
"""A rule that says what is a candidate of which row."""


def one_way(pairs: Pairs) -> Contrast:
    """Contrast each anchor with the other anchors' positives and all negatives.

    Raises:
        UsageError: When there is nothing to contrast with.
    """
    rows, others = pairs.sides()
    own = torch.arange(len(pairs.anchor), device=pairs.anchor.device).unsqueeze(1)
    teachers = pairs.teacher, pairs.teacher_positive
    return _contrast(pairs, pairs.anchor, pairs.positive, rows, others, own, teachers)


def two_views(pairs: Pairs) -> Contrast:
    """Contrast all 2N rows, each with the 2N − 2 others and all negatives.

    Rows are the anchors, then the positives.

    Raises:
        UsageError: When there is nothing to contrast with.
    """
    first, second = pairs.sides()
    rows = _joined(first, second)
    given = first.embeddings is pairs.anchor
    anchors = rows.embeddings if given else torch.cat([pairs.anchor, pairs.positive])
    partners = torch.cat([pairs.positive, pairs.anchor])
    number = torch.arange(len(anchors), device=anchors.device)
    own = torch.stack([number, number.roll(len(pairs.anchor))], dim=1)
    teachers = rows.teacher, _joined(*reversed(pairs.views())).teacher
    return _contrast(pairs, anchors, partners, rows, rows, own, teachers)


def within_view(view: Side, other: Side) -> Contrast:
    """Contrast the rows of one view with each other.

    Args:
        view: The view.
        other: The other view, which forms pairs with it.
    """
    texts = None
    if view.text_ids is not None and other.text_ids is not None:
        texts = numbered_texts(view.text_ids, view.text_ids, (view.text_ids, other.text_ids))
    x, own = view.embeddings, torch.arange(len(view.embeddings), device=view.embeddings.device)
    teacher = teacher_vectors(view.teacher, other.teacher, view.teacher)
    return Contrast(x, x, x, (x,), own.unsqueeze(1), texts, teacher=teacher)


def _contrast(
    pairs: Pairs,
    anchors: Embeddings,
    positives: Embeddings,
    rows: Side,
    others: Side,
    own: Tensor,
    teachers: tuple[Embeddings | None, Embeddings | None],
) -> Contrast:
    """Contrast rows with the others, where the batch is contrasted, and with all negatives."""
    _require_a_negative(pairs)
    sides = [*([others] if pairs.in_batch else []), *pairs.negative_sides()]
    candidates, ids, taught = zip(*sides, strict=True)
    texts = None
    if rows.text_ids is not None and ids[0] is not None:
        texts = numbered_texts(rows.text_ids, torch.cat(ids), pairs.known_pairs())
    own = own if pairs.in_batch else own[:, :0]
    teacher = teacher_vectors(*teachers, *taught)
    return Contrast(
        anchors,
        positives,
        rows.embeddings,
        candidates,
        own,
        texts,
        teacher=teacher,
        owners=_owners(pairs, sum(map(len, candidates))),
    )


def _owners(pairs: Pairs, count: int) -> Tensor | None:
    """Return whose own hard negative each of so many candidates is; the negatives come last."""
    of_negatives = pairs.rows_of_negatives()
    if of_negatives is None:
        return None
    return F.pad(of_negatives, (count - len(of_negatives), 0), value=-1)


def _joined(first: Side, second: Side) -> Side:
    joined = (
        None if x is None or y is None else torch.cat([x, y])
        for x, y in zip(first[1:], second[1:], strict=True)
    )
    return Side(torch.cat([first.embeddings, second.embeddings]), *joined)


def _require_a_negative(pairs: Pairs) -> None:
    if any(len(side.embeddings) for side in pairs.negative_sides()):
        return
    if not pairs.in_batch:
        raise UsageError(
            "This twin takes its negatives from a queue, which has none for the second direction: "
            "use a loss of one direction, such as infonce or flatnce-one-way."
        )
    if len(pairs.anchor) < 2:
        raise UsageError(
            "A batch of 1 pair has no negative to contrast with: use a batch of 2 or more, "
            "or give negatives."
        )


class Contrasting(metaclass=ABCMeta):
    """A loss that contrasts rows with candidates; it can be asked with which, and without which.

    Its ``candidates`` are the rule, `one_way` or `two_views`.
    """

    candidates: ClassVar[Candidates]
    only_by_cosine: ClassVar[bool] = False
    """Whether its formula takes similarities for cosines."""
    _score: ClassVar[PairScore] = Cosine()
    _mask_above = math.inf
    _margins: ClassVar[Margins | None] = None

    def contrasts(self, pairs: Pairs) -> tuple[Contrast, ...]:
        """Return what the loss contrasts, by its score, without the candidates that are masked.

        Raises:
            UsageError: When there is nothing to contrast with.
        """
        return self.asked(type(self).candidates(pairs))

    def asked(self, *contrasts: Contrast) -> tuple[Contrast, ...]:
        """Return contrasts by the loss's score, without the candidates that `with_mask` leaves out.

        Raises:
            UsageError: When a teacher is to say which, and there is none.
        """
        found = [
            replace(contrast, score=self._score, mask_above=self._mask_above)
            for contrast in contrasts
        ]
        if self._margins is None:
            return tuple(found)
        return tuple(_guided(contrast, self._margins) for contrast in found)

    def masked(self, pairs: Pairs) -> Tensor:
        """Count the candidates that are false negatives, for their text or similarity."""
        return torch.stack([contrast.masked() for contrast in self.contrasts(pairs)]).sum()

    def with_mask(self, above: float = math.inf, margins: Margins | None = None) -> Self:
        """Return the loss without candidates that are too similar; the stricter mask counts.

        It shares what it learns. `MaskSimilar` and `Guided` are the losses that are shown, saved
        and compared.

        Args:
            above: Cosine of the embeddings.
            margins: Of the teacher's similarities.
        """
        other = copy.copy(self)
        changed = {"_mask_above": min(above, self._mask_above)}  # also of a frozen dataclass
        guided = self._margins if margins is None else margins.stricter(self._margins)
        vars(other).update(changed, _margins=guided)
        return other

    def with_score(self, score: PairScore) -> Self:
        """Return the loss by another score; it shares what it learns. `WithScore` is what is shown.

        Raises:
            UsageError: When the loss is made for cosines.
        """
        if self.only_by_cosine and score != Cosine():
            raise UsageError(
                f"{type(self).__name__} is made for cosines: leave `score` out, or take infonce."
            )
        other = copy.copy(self)
        vars(other)["_score"] = score  # also of a frozen dataclass
        return other


def _guided(contrast: Contrast, margins: Margins) -> Contrast:
    if contrast.teacher is None:
        raise UsageError(
            "Guided needs a teacher's embeddings of all texts that are contrasted: use method gist."
        )
    return replace(contrast, guide=contrast.teacher.guide(margins))


class RowLoss(Contrasting):
    """The mean over all rows of a function of their similarities."""

    def __post_init__(self) -> None:
        """Check the temperature, where the loss has one."""
        check_positive(temperature=getattr(self, "temperature", 1.0))

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the rows, a scalar."""
        (contrast,) = self.contrasts(pairs)
        return contrast.mean(self.of_rows)

    @abstractmethod
    def of_rows(self, s: Similarities) -> Tensor:
        """Return the loss of each row, shape ``[rows]``."""
