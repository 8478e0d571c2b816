"""Losses of embedding distillation: a student's embedding is to be the teacher's."""

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.types import Embeddings


@dataclass(frozen=True)
class CosineDistillation:
    r"""Turn the student's embedding to the teacher's of the same text.

    .. math:: \frac1N \sum_i \bigl( 1 - \cos(x_i, t_i) \bigr)

    The gradient is orthogonal to the student's embedding: its length stays free. It vanishes at an
    angle of 0, and at one of 180°.

    Needs: a teacher's embeddings, as wide as the student's (method `distill`).

    Use it: to give a small encoder the vectors of a large one, from sentences alone.

    Raises:
        UsageError: When there is no teacher, or it is not as wide as the student.

    Source: Kim et al., 2023, EmbedDistill (arXiv:2301.12005). Deviation: the cosine for the
        distance, as in sentence-transformers.

    Example:
        >>> import torch
        >>> eye = torch.eye(2)
        >>> CosineDistillation()(Pairs(eye, eye, teacher=eye.flip(0)))
        tensor(1.)
    """

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the batch, a scalar."""
        return 1 - F.cosine_similarity(pairs.anchor, teacher_of(pairs, self)).mean()


@dataclass(frozen=True)
class MSEDistillation:
    r"""Bring the numbers of the student's unit vector to those of the teacher's.

    .. math:: \frac{1}{N d} \sum_i \lVert \hat x_i - \hat t_i \rVert^2
        = \frac2d \cdot \frac1N \sum_i \bigl( 1 - \cos(x_i, t_i) \bigr)

    So it is `CosineDistillation` on another scale, 192 times smaller at 384 dimensions: of effect
    in a sum of losses, and where gradients are clipped.

    Needs: a teacher's embeddings, as wide as the student's (method `distill`).

    Use it: to compare with work that reports this loss; `CosineDistillation` otherwise.

    Raises:
        UsageError: When there is no teacher, or it is not as wide as the student.

    Source: Reimers and Gurevych, 2020 (arXiv:2004.09813), for one language. Deviation: unit
        vectors, as an encoder that ends in a normalisation cannot reach others.

    Example:
        >>> import torch
        >>> eye = torch.eye(2)
        >>> MSEDistillation()(Pairs(eye, eye, teacher=eye.flip(0)))
        tensor(1.)
    """

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the batch and the dimensions, a scalar."""
        student, teacher = (F.normalize(x, dim=1) for x in (pairs.anchor, teacher_of(pairs, self)))
        return F.mse_loss(student, teacher)


def teacher_of(pairs: Pairs, loss: object) -> Embeddings:
    """Return the teacher's embedding of each anchor's text, as wide as the anchor.

    Raises:
        UsageError: When there is no teacher, or it is not as wide as the student.
    """
    name = type(loss).__name__
    if pairs.teacher is None:
        raise UsageError(f"{name} needs a teacher's embeddings: use method distill.")
    widths = pairs.anchor.shape[1], pairs.teacher.shape[1]
    if widths[0] != widths[1]:
        raise UsageError(
            f"{name} compares a student's embedding with a teacher's, but they have {widths[0]} "
            f"and {widths[1]} dimensions: make them equal, as method distill does."
        )
    return pairs.teacher
