"""`CrossModal`: an encoder of texts and a tower of something else, pictures or sounds."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sentemb.encoders.embedding import KEYS, in_mode
from sentemb.encoders.gather import gathered
from sentemb.pairs import Pairs
from sentemb.twins.twin import EncoderTwin, need_two_views, paired
from sentemb.types import Features
from sentemb.views import Draws, View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SIGNAL = "signal"
"""The feature that holds what a tower reads, a row for each."""


class CrossModal(EncoderTwin):
    """Embed texts with the encoder, what they describe with a tower; the latter are the anchors.

    Both are deployed: the model folder is the encoder of the texts, and a folder in it the tower.

    Args:
        encoder: Of the texts.
        tower: From ``[rows, …]``, and the random numbers of the rows, to ``[rows, dim]``.
        modality: What the tower reads, which names its folder.
        freeze: ``text`` leaves the encoder as it is, without dropout.
        text_rate: Learning rate of the encoder's transformer, as a share of the others'.
        control: Whether the texts were shuffled among the rows; nothing but a note of it.

    Source: Radford et al., 2021, CLIP (arXiv:2103.00020); Zhai et al., 2022, LiT
        (arXiv:2111.07991), for the frozen tower.
    """

    find_unused_parameters: ClassVar[bool] = False

    def __init__(
        self,
        encoder: "SentenceTransformer",
        tower: nn.Module,
        modality: str = "picture",
        freeze: str = "none",
        text_rate: float = 1.0,
        control: bool = False,
    ) -> None:
        super().__init__(encoder)
        self.tower = tower.to(encoder.device)
        self.modality = modality
        self.freeze = freeze
        self.text_rate = text_rate
        self.control = control
        if freeze == "text":
            encoder.requires_grad_(False)

    def forward(self, features: Sequence[Features], views: Sequence[View] = ()) -> Pairs:
        """Return the pairs of a batch of two views, the texts and what the tower reads.

        Raises:
            UsageError: When there are others.
        """
        need_two_views(self, features)
        text, other = features
        if self.freeze == "text":
            with torch.no_grad(), in_mode(self.encoder, training=False):
                (words,) = self.embed([text], views[:1])
        else:
            (words,) = self.embed([text], views[:1])
        return paired([gathered(self._seen(other)), words], [other, text])

    def _seen(self, other: Features) -> Tensor:
        """Return the tower's vectors."""
        (seen,) = self.in_parts(self._through, other[SIGNAL], other[KEYS])
        return seen

    def in_parts(
        self, compute: Callable[..., tuple[Tensor, ...]], *rows: Tensor
    ) -> tuple[Tensor, ...]:
        """Return what is computed of rows; of micro-batches each again in the backward.

        Args:
            compute: From tensors of some rows to others.
            rows: The tensors, of all rows.
        """
        count = len(rows[0])
        step = self.micro_batch or count
        if step >= count:
            return compute(*rows)
        parts = [
            checkpoint(compute, *(each[start : start + step] for each in rows), use_reentrant=False)
            for start in range(0, count, step)
        ]
        return tuple(torch.cat(each) for each in zip(*parts, strict=True))

    def _through(self, signal: Tensor, keys: Tensor) -> tuple[Tensor]:
        return (self.tower(signal, Draws(keys) if self.training else None),)

    def towers(self) -> dict[str, nn.Module]:
        """Return the tower, by what it reads."""
        return {self.modality: self.tower}

    def learning_rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return the parameters of the encoder's transformer, and the share they learn at."""
        return [(list(self.encoder[0].parameters()), self.text_rate)]
