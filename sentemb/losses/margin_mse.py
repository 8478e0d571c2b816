"""Margins of a teacher: by how much a positive is nearer than the hard negative."""

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.checks import check_positive
from sentemb.losses.similarity_distillation import teacher_of_both
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class MarginMSE:
    r"""Have the positive nearer than the row's hard negative by as much as a teacher measures.

    .. math:: \frac1N \sum_i \bigl( \lambda ( s_{i+} - s_{i-} ) - m_i \bigr)^2, \qquad s = \cos

    m are the teacher's margins: the labels of the rows where there are some (a cross-encoder's
    score of the positive less its score of the negative), its cosines' otherwise.

    Needs: a hard negative in every row, and scores as labels or a teacher (method `gist`).

    Use it: where a teacher has graded mined negatives, some of which are false.

    Args:
        scale: λ; above 1 for scores that cosines cannot reach, as logits.

    Raises:
        UsageError: When the scale is not positive, or negatives or the teacher are missing.

    Source: Hofstätter et al., 2020 (arXiv:2010.02666). Deviation: scaled cosines for dot products.

    Example:
        >>> import torch
        >>> eye = torch.eye(2)
        >>> MarginMSE()(Pairs(eye, eye, eye.flip(0), labels=torch.tensor([1.0, 0.0])))
        tensor(0.5000)
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_positive(scale=self.scale)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the rows, a scalar."""
        got = 0 if pairs.negatives is None else len(pairs.negatives)
        if pairs.negatives is None or got != len(pairs.anchor):
            raise UsageError(
                f"MarginMSE needs one hard negative for each anchor, got {got} for "
                f"{len(pairs.anchor)}: give data with a negative column (method gist)."
            )
        student = _margin(pairs.anchor, pairs.positive, pairs.negatives)
        return F.mse_loss(self.scale * student, self._margin_of_teacher(pairs).to(student.dtype))

    def _margin_of_teacher(self, pairs: Pairs) -> Tensor:
        """Return the teacher's margin of each row."""
        if pairs.labels is None:
            anchor, positive = teacher_of_both(pairs, self)
            if pairs.teacher_negatives is None:
                raise UsageError("MarginMSE needs a teacher's embeddings of the negatives too.")
            return _margin(anchor, positive, pairs.teacher_negatives)
        if not pairs.labels.is_floating_point() or len(pairs.labels) != len(pairs.anchor):
            raise UsageError(
                "MarginMSE reads labels as a teacher's margins, but these are classes, or not one "
                "for each row: give scores, or a teacher and no labels."
            )
        return pairs.labels


def _margin(anchor: Tensor, positive: Tensor, negatives: Tensor) -> Tensor:
    near, far = (F.cosine_similarity(anchor, x) for x in (positive, negatives))
    return near - far
