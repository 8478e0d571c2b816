"""What every twin is, its hooks, and what ours share."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sentemb.encoders.embedding import PRESENT, TEXTS, embed
from sentemb.encoders.gather import gathered
from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.twins.heads import projected
from sentemb.twins.queue import Queue
from sentemb.twins.teacher import AveragedTeachers, Teacher
from sentemb.types import Embeddings, Features, Vectors
from sentemb.views import View

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


WITHOUT_NUMBERS = "A teacher's vectors are looked up by the text: leave `mask_identical` on."
MONITORED = 64
"""Rows of a batch that are kept to look at."""


class Twin(nn.Module, ABC):
    """Turns the views of a batch into pairs; owns every parameter that trains.

    Its hooks do nothing by default. Whatever it holds besides ``encoder`` (projector, queue, …)
    lives in training only. ``forward`` changes nothing in it: that is for `on_batch_end` and
    `on_step_end`.

    Args:
        encoder: What is deployed.
    """

    find_unused_parameters: ClassVar[bool] = True
    """Whether some parameters may get no gradient, which several processes have to look for."""
    takes_hard_negatives: ClassVar[bool] = False
    """Whether the views behind the second are hard negatives."""
    queue_holds_negatives: ClassVar[bool] = False
    """Whether a loss without negatives would make the queue useless."""

    def __init__(self, encoder: "SentenceTransformer") -> None:
        super().__init__()
        self.encoder = encoder
        self.queue: Queue | None = None
        self.teacher: Teacher | AveragedTeachers | None = None
        """Frozen encoders whose vectors of all texts `be_taught` is given."""
        self.micro_batch = 0
        """Rows that the encoder takes at once; 0 for all."""
        self.monitored: Features = {}
        """The first view of some rows of the last batch, of this process."""
        self.before_predictor: tuple[Embeddings, Embeddings] | None = None
        """Both views of the last batch before a predictor, where there is one."""

    @abstractmethod
    def forward(
        self, features: Sequence[Features], views: Sequence[View] = ()
    ) -> Pairs | tuple[Pairs, ...]:
        """Embed the views and pair them up; of several pairings the loss is the mean."""

    @property
    def name(self) -> str:
        """What errors call it."""
        return type(self).__name__

    def other_encoders(self) -> dict[str, "SentenceTransformer"]:
        """Return what is deployed beside ``encoder``, by the name of its folder."""
        return {}

    def towers(self) -> dict[str, nn.Module]:
        """Return what is deployed beside ``encoder`` and reads no text, by the name of its folder.

        Each has a method ``save``, which writes that folder.
        """
        return {}

    def save_beside(self, folder: Path) -> None:
        """Write what else is deployed into folders of the model's folder.

        Args:
            folder: Of the model; encoder and towers are in it.
        """

    def scaled_tower(self, views: Sequence[View]) -> str:
        """Return the name of the tower whose cosines the loss over these views multiplies."""
        return ""

    def learning_rates(self) -> list[tuple[list[nn.Parameter], float]]:
        """Return parameters whose learning rate is a share of the others', and the share."""
        return []

    def constant_learning_rate(self) -> list[nn.Parameter]:
        """Return the parameters whose learning rate does not decay."""
        return []

    def of_all_processes(self, rows: Tensor) -> Tensor:
        """Return something of each row, of the rows that `forward` pairs up."""
        return rows

    def set_micro_batch(self, rows: int) -> None:
        """Have the encoder take so many rows at once; 0 for all.

        Raises:
            UsageError: When the twin needs the whole batch.
        """
        if rows:
            raise UsageError(
                f"{type(self).__name__} does not embed in micro-batches: derive it from "
                "sentemb.twins.EncoderTwin and call self.embed, or leave micro_batch at 0."
            )

    @property
    def least_rows(self) -> int:
        """Rows that a batch needs, for heads that take statistics over it."""
        others = (module for module in self.modules() if module is not self)
        return max((getattr(module, "least_rows", 1) for module in others), default=1)

    def check_batch(self, batch: int) -> None:
        """Raise where a batch of so many rows, of all processes, does not fit the twin.

        Raises:
            UsageError: When a head needs more, or the queue is smaller.
        """
        if batch < self.least_rows:
            raise UsageError(
                f"A batch of {batch} is too small for the head, which needs {self.least_rows} rows "
                "or more: use a larger batch."
            )
        if self.queue is not None:
            self.queue.check_batch(batch)

    def cause_of_collapse(self, *, contrasted: bool) -> str:
        """Say why all embeddings may collapse to one point, and what helps; "" if the loss is why.

        Args:
            contrasted: Whether the loss has negatives.
        """
        return ""

    def most_negatives(self, batch: int, views: int) -> int:
        """Return how many negatives a row may have in one direction, a full queue included."""
        in_batch = batch - 1 + (batch * (views - 2) if self.takes_hard_negatives else 0)
        if self.queue is None or not self.queue_holds_negatives:
            return in_batch
        return in_batch + len(self.queue.texts)

    def taught_by(self, teacher: Teacher | AveragedTeachers) -> Self:
        """Have the pairs hold what a teacher makes of their texts, and return the twin."""
        self.teacher = teacher
        return self

    def taught_columns(self, columns: Sequence[str]) -> list[str]:
        """Return those of the views' columns whose texts the teacher reads; all of them."""
        return list(dict.fromkeys(columns))

    def be_taught(self, numbers: NDArray[np.int64], vectors: Sequence[Vectors]) -> None:
        """Take the vectors of all texts, before the first step.

        Args:
            numbers: Of the texts, ``[texts]``.
            vectors: Of each teacher, ``[texts, dim]``, mapped from a file.
        """
        if self.teacher is not None:
            for member, own in zip(self.teacher.members, vectors, strict=True):
                member.remember(numbers, own)

    def beside_teacher(self, pairs: Pairs) -> Pairs:
        """Return pairs with what the teacher makes of their texts, unless they hold that.

        Raises:
            UsageError: When the texts are not numbered, or the teacher has no vector of one.
        """
        if self.teacher is None or pairs.teacher is not None:
            return pairs
        if pairs.texts is None:
            raise UsageError(WITHOUT_NUMBERS)
        return pairs.beside(self.teacher.vectors_of(pairs.texts))

    def on_batch_end(self) -> None:
        """Take in the last batch, once its loss is known; in training only."""
        if self.queue is not None:
            self.queue.dequeue_and_enqueue()

    def on_step_end(self, progress: float, taken: Tensor | float = 1.0) -> None:
        """Follow a step of the optimizer.

        Args:
            progress: Through the run, in [0, 1].
            taken: 0 where the step was skipped, so that nothing may change, else 1. In training it
                is a number on the device: multiply by it, for to ask for it is to wait.
        """

    def queue_state(self) -> list[Tensor]:
        """Return copies of all that the queue holds; empty where there is none."""
        return [] if self.queue is None else self.queue.state()

    def restore_queue(self, state: Sequence[Tensor], where: Tensor | None = None) -> None:
        """Put into the queue what `queue_state` returned.

        Args:
            state: As returned.
            where: Whether to, as a boolean on the device, which is not waited for; by default it
                is done.
        """
        if self.queue is not None:
            self.queue.restore(state, where)

    @contextmanager
    def without_queue(self) -> Iterator[None]:
        """Do without the queue for a while."""
        queue = self.queue
        if queue is None:
            yield
            return
        self.queue = None
        try:
            yield
        finally:
            self.queue = queue


class EncoderTwin(Twin):
    """What our twins share: an encoder, its micro-batches, the rows of every process.

    Heads see the whole batch, of all processes, whatever the encoder takes at once; so batch
    normalisation, prototypes and queues do not depend on how the batch is divided.

    Args:
        encoder: What is deployed.
        pooling: Used in training in place of the encoder's own.
    """

    find_unused_parameters: ClassVar[bool] = False

    def __init__(self, encoder: "SentenceTransformer", pooling: nn.Module | None = None) -> None:
        super().__init__(encoder)
        self.pooling = pooling

    def embed(
        self,
        features: Sequence[Features],
        views: Sequence[View],
        encoder: "SentenceTransformer | None" = None,
    ) -> list[Embeddings]:
        """Return the embeddings of each view, of the rows of every process."""
        embeddings = embed(encoder or self.encoder, features, views, self.pooling, self.micro_batch)
        if encoder is None:
            self.monitored = {name: tensor[:MONITORED] for name, tensor in features[0].items()}
        return [gathered(view) for view in embeddings]

    def of_all_processes(self, rows: Tensor) -> Tensor:
        """Return something of each row, of the rows of every process."""
        return gathered(rows)

    def set_micro_batch(self, rows: int) -> None:
        """Have the encoder take so many rows at once; 0 for all."""
        self.micro_batch = rows


def require_twin(twin: object) -> None:
    """Raise unless something is a twin.

    Raises:
        UsageError: When it is not.
    """
    if not isinstance(twin, Twin):
        raise UsageError(
            f"{type(twin).__name__} is not a twin: derive it from sentemb.twins.Twin, or from "
            "sentemb.twins.EncoderTwin, which embeds in micro-batches."
        )


def text_ids(features: Sequence[Features]) -> Tensor | None:
    """Return the ids of the texts of all views and processes, one view after the other.

    None where they are not known.
    """
    if TEXTS not in features[0]:
        return None
    return torch.cat([gathered(view[TEXTS]) for view in features])


def paired(
    embeddings: Sequence[Embeddings],
    features: Sequence[Features],
    head: nn.Module | None = None,
    other_head: nn.Module | None = None,
) -> Pairs:
    """Pair the first view up with the second; views behind it are hard negatives of each row.

    Where a row has fewer of them than others, its positive stands in for each that is missing, so
    that a head with batch normalisation sees no text that is not there. It is not compared.

    Args:
        embeddings: Of each view, of the rows of every process.
        features: Of each view, of the rows of this process.
        head: Of the first view.
        other_head: Of all others.
    """
    anchor, positive, *negatives = embeddings
    texts, present, hard = text_ids(features), None, None
    if negatives and PRESENT in features[0]:
        known = [gathered(view[PRESENT].long()).bool() for view in features[2:]]
        pairs = zip(negatives, known, strict=True)
        negatives = [torch.where(there.unsqueeze(1), z, positive) for z, there in pairs]
        present = torch.stack(known, dim=1)
    if negatives:
        hard = torch.stack([projected(other_head, z) for z in negatives], dim=1)
        if texts is not None:
            first, second, *others = texts.chunk(len(embeddings))
            texts = torch.cat([first, second, torch.stack(others, dim=1).flatten()])
    anchor, positive = projected(head, anchor), projected(other_head, positive)
    return Pairs(anchor, positive, hard, texts=texts, present=present)


def swapped(texts: Tensor | None) -> Tensor | None:
    """Return the ids of two views' texts the other way round."""
    return texts if texts is None else texts.roll(len(texts) // 2)


def cause_with_a_predictor(*, contrasted: bool) -> str:
    """Return what `Twin.cause_of_collapse` says of a twin with a predictor."""
    if contrasted:
        return ""
    return (
        "A predictor without negatives keeps apart by its batch normalisation and a small "
        "learning rate: lower `learning_rate`, or use a loss with negatives."
    )


def need_views_of_pairs(twin: Twin, features: Sequence[Features]) -> None:
    """Raise unless there are two views, or more with hard negatives.

    Raises:
        UsageError: When there are fewer.
    """
    if len(features) < 2:
        raise UsageError(
            f"{twin.name} needs 2 views, or more with hard negatives, got {len(features)}."
        )


def need_two_views(twin: Twin, features: Sequence[Features]) -> None:
    """Raise unless there are two views.

    Raises:
        UsageError: When there are fewer or more.
    """
    if len(features) != 2:
        more = ": drop the hard-negative column or use Siamese" if len(features) > 2 else ""
        raise UsageError(f"{twin.name} needs 2 views, got {len(features)}{more}.")
