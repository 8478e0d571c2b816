"""Margins of a teacher: by how much a positive is nearer than a hard negative."""

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.checks import check_positive, own_negatives
from sentemb.losses.similarity_distillation import teacher_of_both
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class MarginMSE:
    r"""Have the positive nearer than the row's hard negatives by as much as a teacher measures.

    .. math:: \frac1{NH} \sum_{i,h} \bigl( \lambda ( s_{i+} - s_{ih} ) - m_{ih} \bigr)^2, \qquad
        s = \cos

    m are the teacher's margins: the labels of the rows where there are some (a cross-encoder's
    score of the positive less its score of the negative, of which a row then has one), its
    cosines' otherwise. The mean is over all hard negatives that there are.

    Needs: hard negatives, and a column of scores (method `simcse-sup`) or a teacher (`gist`).

    Use it: where a teacher has graded mined negatives, some of which are false.

    Args:
        scale: λ; above 1 for scores that cosines cannot reach, as logits.

    Raises:
        UsageError: When the scale is not positive, or negatives or the teacher are missing.

    Source: Hofstätter et al., 2020 (arXiv:2010.02666). Deviation: scaled cosines for dot products.

    Example:
        >>> import torch
        >>> eye = torch.eye(2)
        >>> MarginMSE()(Pairs(eye, eye, eye.flip(0)[:, None], labels=torch.tensor([1.0, 0.0])))
        tensor(0.5000)
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_positive(scale=self.scale)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the rows, a scalar."""
        student = _margin(pairs.anchor, pairs.positive, own_negatives(pairs, self))
        teacher = self._margin_of_teacher(pairs).to(student.dtype)
        return pairs.mean_of_own((self.scale * student - teacher).square())

    def _margin_of_teacher(self, pairs: Pairs) -> Tensor:
        """Return the teacher's margin of each hard negative, ``[batch, hard]``."""
        if pairs.labels is None:
            anchor, positive = teacher_of_both(pairs, self)
            if pairs.teacher_negatives is None:
                raise UsageError("MarginMSE needs a teacher's embeddings of the negatives too.")
            return _margin(anchor, positive, pairs.of_own(pairs.teacher_negatives))
        if not pairs.labels.is_floating_point() or len(pairs.labels) != len(pairs.anchor):
            raise UsageError(
                "MarginMSE reads labels as a teacher's margins, but these are classes, or not one "
                "for each row: give scores, or a teacher and no labels."
            )
        if (hard := own_negatives(pairs, self).shape[1]) > 1:
            raise UsageError(
                f"MarginMSE reads the label of a row as the margin of one hard negative, but rows "
                f"have up to {hard}: give one, or a teacher and no labels."
            )
        return pairs.labels.unsqueeze(1)


def _margin(anchor: Tensor, positive: Tensor, negatives: Tensor) -> Tensor:
    """Return how much nearer the positive is than each hard negative, ``[batch, hard]``."""
    near = F.cosine_similarity(anchor, positive).unsqueeze(1)
    return near - F.cosine_similarity(anchor.unsqueeze(1), negatives, dim=2)
