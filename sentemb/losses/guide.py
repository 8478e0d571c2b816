"""What a frozen teacher says of rows and candidates: which are too similar to be negatives."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.types import Embeddings


class Margins(NamedTuple):
    """How far below its pair's similarity a candidate must stay to be a negative."""

    absolute: float = 0.0
    relative: float = 0.0

    def stricter(self, other: "Margins | None") -> "Margins":
        """Return margins that leave out what either of two does."""
        return self if other is None else Margins(*map(max, self, other))


class TeacherVectors(NamedTuple):
    """What a teacher makes of the texts of a contrast.

    Args:
        rows: Of what is contrasted, ``[rows, teacher_dim]``.
        positives: Of the text that each row forms a pair with, same shape.
        candidates: ``[candidates, teacher_dim]``.
    """

    rows: Embeddings
    positives: Embeddings
    candidates: Embeddings

    def guide(self, margins: Margins) -> "Guide":
        """Return the guide with margins."""
        rows, positives, candidates = (F.normalize(x, dim=1) for x in self)
        own = (rows * positives).sum(dim=1)
        return Guide(rows, candidates, own - margins.absolute - margins.relative * own.abs())


@dataclass(frozen=True)
class Guide:
    """The cosine that each row's candidates must not be above, by a teacher's vectors.

    Args:
        rows: Unit vectors, ``[rows, teacher_dim]``.
        candidates: Unit vectors, ``[candidates, teacher_dim]``.
        threshold: Of each row.
    """

    rows: Embeddings
    candidates: Embeddings
    threshold: Tensor

    def too_similar(self, number: Tensor) -> Tensor:
        """Say which candidates are not negatives of which of some rows, ``[rows, candidates]``."""
        return self.rows[number] @ self.candidates.T > self.threshold[number].unsqueeze(1)


def teacher_vectors(
    rows: Embeddings | None, positives: Embeddings | None, *candidates: Embeddings | None
) -> TeacherVectors | None:
    """Return a teacher's vectors where all are known."""
    known = [part for part in candidates if part is not None]
    if rows is None or positives is None or len(known) < len(candidates):
        return None
    return TeacherVectors(rows, positives, torch.cat(known))
