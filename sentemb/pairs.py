"""`Pairs`: the contract between what embeds sentences and what compares them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, NamedTuple, Self

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.types import Embeddings


@dataclass(frozen=True)
class Pairs:
    """Embeddings to compare: row i of ``positive`` matches row i of ``anchor``.

    Args:
        anchor: The embeddings that are contrasted, shape ``[batch, dim]``.
        positive: The embedding that matches each anchor, shape ``[batch, dim]``; the other rows
            are its negatives.
        negatives: Embeddings that match no anchor: the hard negatives of each row, shape
            ``[batch, hard, dim]``, or those that belong to no row (a queue,
            noise), shape ``[candidates, dim]``.
        labels: Class of each anchor, or score of each pair, shape ``[batch]``; or one for each row
            of the logits, or of half of them.
        logits: Class scores of what the twin classified, shape ``[rows, classes]``; for R-Drop of
            both passes, one after the other.
        texts: A number for each text, equal for equal texts, shape ``[2 * batch + candidates]``:
            of the anchors, the positives, the negatives (of hard ones row by row). Equal texts, and
            two texts that are a pair in any row, are not contrasted.
        partners: For each negative the number of the text that it was a pair with in its own
            batch (a queue's), shape ``[candidates]``; that text is not contrasted with it either.
        teacher: What a frozen teacher makes of each anchor's text, without a gradient, shape
            ``[batch, teacher_dim]``.
        teacher_positive: The same of each positive's text, shape ``[batch, teacher_dim]``.
        teacher_negatives: The same of each negative's text, shape ``[candidates, teacher_dim]``, or
            ``[batch, hard, teacher_dim]``.
        present: Which hard negatives there are, where rows have differently many, shape
            ``[batch, hard]``; None for all. What stands in the place of the others is not read.
        own: Of ``negatives`` of shape ``[candidates, dim]``, which are the hard negatives of each
            row, by their numbers, shape ``[batch, hard]``; -1 where a row has fewer. The others
            belong to no row. None where all do.

    Raises:
        ValueError: When the shapes do not fit each other.

    Example:
        >>> import torch
        >>> Pairs(torch.eye(3), torch.eye(3)).anchor.shape
        torch.Size([3, 3])
    """

    anchor: Embeddings
    positive: Embeddings
    negatives: Embeddings | None = None
    labels: Tensor | None = None
    logits: Tensor | None = None
    texts: Tensor | None = None
    partners: Tensor | None = None
    teacher: Embeddings | None = None
    teacher_positive: Embeddings | None = None
    teacher_negatives: Embeddings | None = None
    present: Tensor | None = None
    own: Tensor | None = None
    embeddings: ClassVar[tuple[str, ...]] = ("anchor", "positive", "negatives")
    of_teacher: ClassVar[tuple[str, ...]] = ("teacher", "teacher_positive", "teacher_negatives")
    in_batch: ClassVar[bool] = True
    """Whether the other rows of the batch are negatives of a row."""

    def __post_init__(self) -> None:
        if self.anchor.ndim != 2 or self.anchor.shape != self.positive.shape:
            raise ValueError(
                f"anchor and positive need one shape [batch, dim], got {list(self.anchor.shape)} "
                f"and {list(self.positive.shape)}."
            )
        self._check_negatives(*self.anchor.shape)
        labelled, name = (self.anchor, "anchor") if self.logits is None else (self.logits, "logits")
        if self.labels is not None:
            rows = len(self.labels)
            of_logits = self.logits is not None and len(self.logits) in (rows, 2 * rows)
            if rows != len(self.anchor) and not of_logits:
                raise ValueError(f"labels need {len(labelled)} rows as {name} has, got {rows}.")
        batch = len(self.anchor)
        negatives = 0 if self.negatives is None else self.negatives.shape[:-1].numel()
        texts = 2 * batch + negatives
        if self.texts is not None and len(self.texts) != texts:
            raise ValueError(
                f"texts need {texts} rows (anchors, positives, negatives), got {len(self.texts)}."
            )
        if self.partners is not None and (self.texts is None or len(self.partners) != negatives):
            raise ValueError(
                f"partners need texts and {negatives} rows as negatives has, got "
                f"{len(self.partners)}."
            )
        of_negatives = [0] if self.negatives is None else list(self.negatives.shape[:-1])
        for name, shape in zip(self.of_teacher, ([batch], [batch], of_negatives), strict=True):
            known = getattr(self, name)
            if known is not None and list(known.shape[:-1]) != shape:
                wanted = ", ".join(map(str, shape))
                raise ValueError(
                    f"{name} needs shape [{wanted}, teacher_dim], got {list(known.shape)}."
                )

    def _check_negatives(self, batch: int, dim: int) -> None:
        """Raise where the negatives, or which of them there are, have another shape."""
        given = None if self.negatives is None else self.negatives.shape
        if given is not None and (
            len(given) not in (2, 3) or given[-1] != dim or (len(given) == 3 and given[0] != batch)
        ):
            raise ValueError(
                f"negatives need shape [candidates, {dim}], or [{batch}, hard, {dim}] where each "
                f"row has its own, got {list(given)}."
            )
        if self.own is not None and (given is None or len(given) != 2 or len(self.own) != batch):
            raise ValueError(
                f"own needs the shape [{batch}, hard], and negatives of shape [candidates, {dim}]."
            )
        if self.present is None:
            return
        hard = list(given[:2]) if given is not None and len(given) == 3 else None
        if self.present.dtype != torch.bool or list(self.present.shape) != hard:
            wanted = "negatives of shape [batch, hard, dim]" if hard is None else f"shape {hard}"
            raise ValueError(
                f"present needs booleans and {wanted}, got {self.present.dtype} of shape "
                f"{list(self.present.shape)}."
            )

    def unit(self) -> Self:
        """Return the same pairs with every embedding at length 1."""
        return self.map(partial(F.normalize, dim=-1))

    def map(self, change: Callable[[Embeddings], Embeddings]) -> Self:
        """Return the same pairs with every embedding changed."""
        given = {name: getattr(self, name) for name in self.embeddings}
        return replace(self, **{n: change(x) for n, x in given.items() if x is not None})

    def beside(self, vectors: Embeddings) -> Self:
        """Return the same pairs with a teacher's vectors of all their texts.

        Args:
            vectors: Of the anchors' texts, the positives' and the negatives', one after the other.
        """
        batch = len(self.anchor)
        return replace(
            self,
            teacher=vectors[:batch],
            teacher_positive=vectors[batch : 2 * batch],
            teacher_negatives=None
            if self.negatives is None
            else vectors[2 * batch :].reshape(*self.negatives.shape[:-1], -1),
        )

    def views(self) -> tuple["Side", "Side"]:
        """Return the anchors and the positives, with their text ids where they are known."""
        first, second, _ = self.split_texts() if self.texts is not None else (None, None, None)
        return (
            Side(self.anchor, first, self.teacher),
            Side(self.positive, second, self.teacher_positive),
        )

    def sides(self) -> tuple["Side", "Side"]:
        """Return what stands for anchors and positives where rows are contrasted."""
        return self.views()

    def negative_sides(self) -> list["Side"]:
        """Return all negatives that there are, with their text ids; empty where there are none.

        Hard negatives come row by row.
        """
        if self.negatives is None:
            return []
        ids = None if self.texts is None else self.split_texts()[2]
        if self.negatives.ndim == 2:
            return [Side(self.negatives, ids, self.teacher_negatives)]
        given = (self.negatives, self.teacher_negatives)
        flat, taught = (None if x is None else x.flatten(0, 1) for x in given)
        known = [flat, ids, taught]
        if self.present is not None:
            there = self.present.flatten()
            known = [None if x is None else x[there] for x in known]
        embeddings, *others = known
        return [Side(embeddings, *others)] if embeddings is not None and len(embeddings) else []

    def rows_of_negatives(self) -> Tensor | None:
        """Return whose own each negative of `negative_sides` is; None where they are nobody's."""
        if self.negatives is None or not self.has_own:
            return None
        batch, hard = (self.negatives if self.own is None else self.own).shape[:2]
        rows = torch.arange(batch, device=self.negatives.device).repeat_interleave(hard)
        if self.own is not None:
            count = len(self.negatives)  # what is not there goes to a place behind them
            nobodys = torch.full((count + 1,), -1, device=rows.device)
            places = torch.where(self.own < 0, count, self.own).flatten()
            return nobodys.index_copy(0, places, rows)[:count]
        return rows if self.present is None else rows[self.present.flatten()]

    @property
    def has_own(self) -> bool:
        """Whether rows have hard negatives."""
        return self.own is not None or (self.negatives is not None and self.negatives.ndim == 3)

    def of_own(self, values: Tensor) -> Tensor:
        """Return of the negatives' values those of each row's own, ``[batch, hard, ...]``.

        Args:
            values: Of the negatives, such as these or a teacher's of them.
        """
        return values if self.own is None or values.ndim > 2 else values[self.own.clamp(min=0)]

    @property
    def own_present(self) -> Tensor | None:
        """Which of `of_own` there are, ``[batch, hard]``; None for all."""
        return self.present if self.own is None else self.own >= 0

    def mean_of_own(self, values: Tensor) -> Tensor:
        """Return the mean of a value over the hard negatives, or 0 if the batch has no negative.

        Args:
            values: One of each place of a hard negative, ``[batch, hard]``.
        """
        present = self.own_present
        if present is None:
            return values.mean()
        return values.masked_fill(~present, 0.0).sum() / present.sum().clamp(min=1)

    def known_pairs(self) -> tuple[Tensor, Tensor]:
        """Return the text ids of both sides of every known pair, those of a queue included.

        Raises:
            ValueError: When they are not known.
        """
        anchor, positive, negatives = self.split_texts()
        if self.partners is None:
            return anchor, positive
        return torch.cat([anchor, negatives]), torch.cat([positive, self.partners])

    def swapped(self) -> "Pairs":
        """Return the positives as anchors and the anchors as positives, without negatives."""
        texts = None if self.texts is None else torch.cat(self.split_texts()[1::-1])
        return replace(
            self,
            anchor=self.positive,
            positive=self.anchor,
            negatives=None,
            texts=texts,
            partners=None,
            teacher=self.teacher_positive,
            teacher_positive=self.teacher,
            teacher_negatives=None,
            present=None,
            own=None,
        )

    def split_texts(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the numbers of the anchors', the positives' and the negatives' texts.

        Raises:
            ValueError: When they are not known.
        """
        if self.texts is None:
            raise ValueError(
                "These pairs have no text ids: make them with texts=text_ids(features)."
            )
        batch = len(self.anchor)
        return self.texts[:batch], self.texts[batch : 2 * batch], self.texts[2 * batch :]

    def float(self) -> Self:
        """Return the same pairs with half precision raised to float32."""
        logits = None if self.logits is None else _at_least_float32(self.logits)
        known = {name: getattr(self, name) for name in self.of_teacher}
        raised = {n: _at_least_float32(x) for n, x in known.items() if x is not None}
        return replace(self.map(_at_least_float32), logits=logits, **raised)


@dataclass(frozen=True)
class QueuePairs(Pairs):
    """Pairs whose negatives are ``negatives`` alone, not the other rows of the batch (MoCo)."""

    in_batch: ClassVar[bool] = False


@dataclass(frozen=True)
class OffDropoutPairs(Pairs):
    """Pairs whose rows are contrasted with each other by embeddings without dropout (SimCSE++).

    How alike a pair is stays a matter of ``anchor`` and ``positive``.

    Args:
        clean: The embeddings of the anchors' texts without dropout, which stand for anchors and
            positives in the contrast, shape ``[batch, dim]``.

    Raises:
        ValueError: When the shapes do not fit each other.
    """

    clean: Embeddings = field(kw_only=True)
    embeddings: ClassVar[tuple[str, ...]] = (*Pairs.embeddings, "clean")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clean.shape != self.anchor.shape:
            raise ValueError(
                f"clean needs the shape of anchor, {list(self.anchor.shape)}, got "
                f"{list(self.clean.shape)}."
            )

    def sides(self) -> tuple["Side", "Side"]:
        """Return the embeddings without dropout twice: the anchors' texts, on both sides."""
        ids = None if self.texts is None else self.split_texts()[0]
        side = Side(self.clean, ids, self.teacher)
        return side, side

    def swapped(self) -> Pairs:
        """Return the pairs the other way round; the clean embeddings are the anchors' still."""
        texts = None if self.texts is None else self.texts[: 2 * len(self.anchor)]
        return replace(super().swapped(), texts=texts)


class Side(NamedTuple):
    """Embeddings, with the ids of their texts and a teacher's vectors where they are known."""

    embeddings: Embeddings
    text_ids: Tensor | None
    teacher: Embeddings | None = None


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
