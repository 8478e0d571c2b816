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
        draws = Draws(other[KEYS]) if self.training else None
        return seen_by(self.tower, other[SIGNAL], draws, self.micro_batch)

    def towers(self) -> dict[str, nn.Module]:
        """Return the tower, by what it reads."""
        return {self.modality: self.tower}

    def scaled_tower(self, views: Sequence[View]) -> str:
        """Return the tower, whatever the views of the texts are."""
        return self.modality

    def learning_rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return what was pretrained, in the encoder and the tower, and the share it learns at."""
        of_tower: list[nn.Parameter] = getattr(self.tower, "pretrained", list)()
        return [([*self.encoder[0].parameters(), *of_tower], self.text_rate)]


def seen_by(tower: nn.Module, signal: Tensor, draws: Draws | None, micro_batch: int = 0) -> Tensor:
    """Return a tower's vectors.

    Args:
        tower: From rows and their random numbers to vectors.
        signal: What it reads, ``[rows, …]``.
        draws: Of the rows, in training.
        micro_batch: As of `in_parts`.
    """

    def through(rows: Tensor, *keys: Tensor) -> tuple[Tensor]:
        return (tower(rows, *map(Draws, keys)),)

    (seen,) = in_parts(through, micro_batch, signal, *(() if draws is None else (draws.keys,)))
    return seen


def in_parts(
    compute: Callable[..., tuple[Tensor, ...]], micro_batch: int, *rows: Tensor
) -> tuple[Tensor, ...]:
    """Return what is computed of rows; of micro-batches each again in the backward.

    Args:
        compute: From tensors of some rows to others.
        micro_batch: Rows that are computed at once; 0 for all.
        rows: The tensors, of all rows.
    """
    count = len(rows[0])
    step = micro_batch or count
    if step >= count:
        return compute(*rows)
    parts = [
        checkpoint(compute, *(each[start : start + step] for each in rows), use_reentrant=False)
        for start in range(0, count, step)
    ]
    return tuple(torch.cat(each) for each in zip(*parts, strict=True))
