"""`Taught`: a student beside the vectors of a frozen teacher."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.twins.heads import output_width, projected
from sentemb.twins.principal_components import PrincipalComponents
from sentemb.twins.teacher import Teacher
from sentemb.twins.twin import WITHOUT_NUMBERS, EncoderTwin, text_ids
from sentemb.types import Features, Vectors
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

logger = logging.getLogger("sentemb")


class Taught(EncoderTwin):
    """Embed the views with the student; the match of each is the teacher's vector of the first.

    The teacher sees the first view's text as it is in the data, never a view of it; a second view
    may be its translation. Views are pairings, over which the loss is averaged. The vector is the
    ``positive`` of the pairs and their ``teacher``: a loss that contrasts takes the teacher's
    vectors of the other rows for negatives.

    Where student and teacher differ in width, either the student has a projector or the teacher
    has components.

    Args:
        encoder: The student, which is deployed.
        teacher: Frozen.
        projector: On the student, in training only.
        components: On the teacher; fitted to its vectors of all texts before the first step.

    Raises:
        UsageError: When what is compared differs in width.

    Source: Reimers and Gurevych, 2020 (arXiv:2004.09813), for a teacher's vectors as targets; Kim
        et al., 2023, EmbedDistill (arXiv:2301.12005), for the projector.
    """

    teacher: Teacher

    def __init__(
        self,
        encoder: "SentenceTransformer",
        teacher: Teacher,
        projector: nn.Module | None = None,
        components: PrincipalComponents | None = None,
    ) -> None:
        super().__init__(encoder)
        widths = [
            output_width(projector, encoder),
            teacher.width if components is None else components.axes.shape[1],
        ]
        if widths[0] != widths[1]:
            raise UsageError(
                f"The student's vectors have {widths[0]} dimensions, the teacher's {widths[1]}: "
                "give Taught a projector or components."
            )
        self.teacher = teacher
        self.projector = projector
        self.components = components

    def forward(
        self, features: Sequence[Features], views: Sequence[View] = ()
    ) -> Pairs | tuple[Pairs, ...]:
        """Return the student's vectors of each view, paired with the teacher's of the first.

        Raises:
            UsageError: When the texts are not numbered.
        """
        numbers = text_ids(features)
        if numbers is None:
            raise UsageError(WITHOUT_NUMBERS)
        texts = numbers.chunk(len(features))
        target = self.teacher.vectors_of(texts[0])
        if self.components is not None:
            target = self.components(target)
        found = tuple(
            Pairs(
                projected(self.projector, student),
                target,
                texts=torch.cat([own, texts[0]]),
                teacher=target,
            )
            for student, own in zip(self.embed(features, views), texts, strict=True)
        )
        return found if len(found) > 1 else found[0]

    def taught_columns(self, columns: Sequence[str]) -> list[str]:
        """Return the first column alone: what else is read is not for the teacher."""
        return list(columns[:1])

    def be_taught(self, numbers: NDArray[np.int64], vectors: Sequence[Vectors]) -> None:
        """Take the teacher's vectors of all texts, and fit the components to them."""
        super().be_taught(numbers, vectors)
        if self.components is not None:
            share = self.components.fit(vectors[0])
            kept = self.components.axes.shape[1]
            logger.info(
                "The teacher's %d dimensions become %d, which hold %.1f %% of their variance.",
                self.teacher.width,
                kept,
                100 * share,
            )
