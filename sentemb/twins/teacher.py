"""`Teacher`: a frozen encoder, or a file, whose vectors a student learns."""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from sentemb.encoders.build import model_name
from sentemb.errors import UsageError
from sentemb.twins.heads import width
from sentemb.types import Embeddings, Vectors
from sentemb.values import is_number

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Teacher:
    """A frozen encoder, and its vectors of the texts of a run, by the numbers of the texts.

    Training computes each text's vector once, before the first step, and hands them to `remember`.
    A teacher is not a module: it does not train and is not saved with the student.

    Args:
        encoder: Any encoder; it keeps its weights.
        name: What records call it; by default the path that it was loaded from.
    """

    file = ""
    """Where its vectors are, if it has no encoder."""

    def __init__(self, encoder: "SentenceTransformer", name: str | None = None) -> None:
        self.encoder = encoder
        self._begin(name or model_name(encoder), width(encoder))

    def _begin(self, name: str, width: int) -> None:
        self.name = name
        self.width = width
        self.remember(np.empty(0, np.int64), np.empty((0, width), np.float32))

    def __len__(self) -> int:
        """Return how many texts it has vectors of."""
        return len(self._numbers)

    def remember(self, numbers: NDArray[np.int64], vectors: Vectors) -> None:
        """Keep the vectors of texts; what was kept before is forgotten.

        Args:
            numbers: Of the texts, as the collator numbers them, ``[texts]``.
            vectors: ``[texts, dim]``; may be mapped from a file.
        """
        self._places = np.argsort(numbers)
        self._numbers = numbers[self._places]
        self._vectors = vectors

    def vectors_of(self, numbers: Tensor) -> Embeddings:
        """Return the vectors of texts, by their numbers, on the device of these.

        Raises:
            UsageError: When a text is none of those remembered.
        """
        wanted = numbers.cpu().numpy()
        known = self.knows(wanted)
        if not known.all():
            raise UsageError(
                f"The teacher has no vector for {int((~known).sum())} of the {len(known)} texts of "
                "this batch: it only knows the texts that were given to training."
            )
        found = self._places[np.searchsorted(self._numbers, wanted)]
        return torch.from_numpy(self._vectors[found]).to(numbers.device)

    def knows(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell of each text, by its number, whether there is a vector of it, ``[texts]``."""
        found = np.searchsorted(self._numbers, numbers)
        known = found < len(self._numbers)
        known[known] = self._numbers[found[known]] == numbers[known]
        return known

    @cached_property
    def digest(self) -> str:
        """The sha256 of its file, as it was when first asked for; "" where it has none."""
        if not self.file:
            return ""
        with open(self.file, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def members(self) -> tuple["Teacher", ...]:
        """Itself, as the teachers of `AveragedTeachers`."""
        return (self,)

    @property
    def shares(self) -> tuple[float, ...]:
        """All, as those of `AveragedTeachers`."""
        return (1.0,)


class FileTeacher(Teacher):
    """A teacher whose vectors were computed elsewhere and are in a file; it has no encoder.

    Args:
        file: Of texts and their vectors.
        width: Of the vectors.
    """

    def __init__(self, file: str, width: int) -> None:
        self.file = file
        self._begin(file, width)


class AveragedTeachers:
    """Two teachers, whose cosines are averaged.

    Args:
        first: Of any width.
        second: Of any width.
        first_share: α of the first; the second has 1 − α.

    Raises:
        UsageError: When the share is not in (0, 1).

    Source: Liu et al., 2023, RankCSE (arXiv:2305.16726), equation 7.
    """

    def __init__(self, first: Teacher, second: Teacher, first_share: float = 0.5) -> None:
        if not (is_number(first_share) and 0 < first_share < 1):
            raise UsageError(f"first_share must be in (0, 1), got {first_share!r}.")
        self.members: tuple[Teacher, ...] = (first, second)
        self.shares: tuple[float, ...] = (first_share, 1 - first_share)
        self.width = first.width + second.width

    def vectors_of(self, numbers: Tensor) -> Embeddings:
        """Return vectors of texts whose cosines are the mean of both teachers'.

        Raises:
            UsageError: When a text is none of those remembered.
        """
        return side_by_side([each.vectors_of(numbers) for each in self.members], self.shares)


def side_by_side(vectors: Sequence[Embeddings], shares: Sequence[float]) -> Embeddings:
    r"""Join several teachers' vectors of the same texts, so that cosines are means of theirs.

    .. math:: \left[ \sqrt{\alpha_1} \, \hat t_1, \sqrt{\alpha_2} \, \hat t_2, \dots \right]

    Args:
        vectors: Of each teacher, ``[texts, dim]``.
        shares: The weight of each, which add up to 1.
    """
    weighted = zip(vectors, shares, strict=True)
    return torch.cat([share**0.5 * F.normalize(x, dim=1) for x, share in weighted], dim=1)
