"""Losses of similarity distillation: a student's cosines are to be the teacher's."""

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.functional import cosine
from sentemb.losses.checks import check_positive, need_two_rows
from sentemb.pairs import Pairs
from sentemb.types import Embeddings, SimilarityMatrix


@dataclass(frozen=True)
class SimilarityKL:
    r"""Turn each row of the student's similarities into the teacher's, as distributions.

    .. math:: \frac1N \sum_i \operatorname{KL} \bigl( \operatorname{softmax}_{j \ne i}(t_{ij} /
        \tau_t) \,\Vert\, \operatorname{softmax}_{j \ne i}(s_{ij} / \tau) \bigr)

    s are the cosines of the student's anchors and positives, t the teacher's of their texts, so
    the widths of both are free. The row's own positive is left out by default: it would take nearly
    all of the teacher's distribution, and the loss would be InfoNCE again.

    Needs: a teacher's embeddings of both views (method `gist`).

    Use it: to give a student what a teacher finds similar, whatever the teacher's width.

    Args:
        temperature: τ, of the student.
        teacher_temperature: τₜ; lowering it has fewer neighbours count.
        diagonal: Whether the row's own positive is in the distributions.

    Raises:
        UsageError: When a temperature is not positive, there is no teacher, or one row.

    Source: Hinton et al., 2015 (arXiv:1503.02531), over the rows of a batch. Deviation: not
        multiplied by τ², as sentence-transformers does.

    Example:
        >>> import torch
        >>> eye = torch.eye(3)
        >>> SimilarityKL()(Pairs(eye, eye, teacher=eye, teacher_positive=eye))
        tensor(0.)
    """

    temperature: float = 0.05
    teacher_temperature: float = 0.05
    diagonal: bool = False

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature, teacher_temperature=self.teacher_temperature)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the rows, a scalar."""
        student, teacher = similarities_of_both(pairs, self, diagonal=self.diagonal)
        return F.kl_div(
            (student / self.temperature).log_softmax(dim=1),
            (teacher / self.teacher_temperature).log_softmax(dim=1),
            reduction="batchmean",
            log_target=True,
        )


@dataclass(frozen=True)
class SimilarityMSE:
    r"""Bring the student's similarities to the teacher's, as numbers.

    .. math:: \frac{1}{N^2} \sum_{i, j} \bigl( s_{ij} - t_{ij} \bigr)^2

    s are the cosines of the student's anchors and positives, t the teacher's of their texts. A
    row's own positive is among them.

    Needs: a teacher's embeddings of both views (method `gist`).

    Use it: where the cosines themselves are read, as by a threshold, and not their order alone.

    Raises:
        UsageError: When there is no teacher, or one row.

    Source: Tung and Mori, 2019, similarity-preserving distillation (arXiv:1907.09682). Deviation:
        cosines for rows of dot products made unit.

    Example:
        >>> import torch
        >>> eye = torch.eye(2)
        >>> SimilarityMSE()(Pairs(eye, eye, teacher=eye, teacher_positive=eye.flip(0)))
        tensor(1.)
    """

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over all cosines, a scalar."""
        return F.mse_loss(*similarities_of_both(pairs, self, diagonal=True))


def similarities_of_both(
    pairs: Pairs, loss: object, *, diagonal: bool
) -> tuple[SimilarityMatrix, SimilarityMatrix]:
    """Return the cosines of every anchor with every positive, the student's and the teacher's.

    Args:
        pairs: With a teacher.
        loss: Named in errors.
        diagonal: Whether those of each row with its own positive are among them.

    Raises:
        UsageError: When there is no teacher, or one row.
    """
    need_two_rows(pairs, loss)
    student = cosine(pairs.anchor, pairs.positive)
    teacher = cosine(*teacher_of_both(pairs, loss)).to(student.dtype)
    return (student, teacher) if diagonal else (off_diagonal(student), off_diagonal(teacher))


def teacher_of_both(pairs: Pairs, loss: object) -> tuple[Embeddings, Embeddings]:
    """Return the teacher's embeddings of each anchor's text and each positive's.

    Raises:
        UsageError: When there are none.
    """
    if pairs.teacher is None or pairs.teacher_positive is None:
        raise UsageError(
            f"{type(loss).__name__} needs a teacher's embeddings of both views: use method gist."
        )
    return pairs.teacher, pairs.teacher_positive


def off_diagonal(matrix: Tensor) -> Tensor:
    """Return a square matrix without its diagonal, one column less."""
    size = len(matrix)
    return matrix.flatten()[1:].view(size - 1, size + 1)[:, :-1].reshape(size, size - 1)
