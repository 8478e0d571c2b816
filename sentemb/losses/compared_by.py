"""How alike two embeddings count: the similarity of a loss that contrasts."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from sentemb.losses.blockwise import Compared
from sentemb.types import SimilarityMatrix

ScoreName = Literal["cosine", "dot", "bilinear", "l1", "l2"]


class PairScore(ABC):
    """Turns what is compared by dot product into what is compared by this score."""

    @abstractmethod
    def of(self, compared: Compared) -> Compared:
        """Return the same, compared by this score."""


@dataclass(frozen=True)
class Cosine(PairScore):
    """The cosine of the angle between two embeddings; lengths count for nothing."""

    def of(self, compared: Compared) -> Compared:
        """Return the same, compared by cosine."""
        return replace(compared, by_cosine=True)


@dataclass(frozen=True)
class Dot(PairScore):
    r"""The dot product :math:`x^\top y` of embeddings at the length they have."""

    def of(self, compared: Compared) -> Compared:
        """Return the same."""
        return compared


@dataclass(frozen=True)
class L1(PairScore):
    r"""Minus the sum of differences, :math:`-\lVert x - y \rVert_1`, of embeddings at length 1."""

    def of(self, compared: Compared) -> Compared:
        """Return the same, compared by distance."""
        return _apart(compared, 1.0)


@dataclass(frozen=True)
class L2(PairScore):
    r"""Minus the distance, :math:`-\lVert x - y \rVert_2`, of embeddings at length 1.

    It is :math:`-\sqrt{2 - 2 \cos}`: the square would be the cosine at half the temperature.
    """

    def of(self, compared: Compared) -> Compared:
        """Return the same, compared by distance."""
        return _apart(compared, 2.0)


@dataclass(frozen=True)
class Distances(Compared):
    """What is compared by minus a distance.

    Args:
        norm: The p of the distance.
    """

    norm: float
    in_blocks: ClassVar[bool] = False

    def products(self) -> tuple[Tensor, SimilarityMatrix]:
        """Return minus the distances of all rows to their positives, and to all candidates."""
        anchors, positives, rows, candidates = self.brought_to_length()
        own = torch.linalg.vector_norm(anchors - positives, ord=self.norm, dim=1)
        return -own, -torch.cdist(rows, candidates, self.norm, "donot_use_mm_for_euclid_dist")


def _apart(compared: Compared, norm: float) -> Distances:
    return Distances(**vars(replace(compared, by_cosine=True)), norm=norm)
