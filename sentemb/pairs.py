"""`Pairs`: the contract between what embeds sentences and what compares them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

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
        negatives: Embeddings that match no anchor (hard negatives, a queue, noise), shape
            ``[candidates, dim]``. Where ``candidates`` equals ``batch``, row i is the hard
            negative of anchor i.
        labels: Class of each anchor, or score of each pair, shape ``[batch]``; or one for each row
            of the logits, or of half of them.
        logits: Class scores of what the twin classified, shape ``[rows, classes]``; for R-Drop of
            both passes, one after the other.
        texts: A number for each text, equal for equal texts, shape ``[2 * batch + candidates]``:
            of the anchors, the positives, the negatives. Equal texts, and two texts that are a
            pair in any row, are not contrasted.
        mask_above: Candidates whose cosine with an anchor is greater are not contrasted with it.
        in_batch: Whether other rows are negatives; without, only ``negatives`` are (MoCo).
        contrasted: Embeddings of the anchors' texts that stand for anchors and positives where
            rows are contrasted with each other, shape ``[batch, dim]`` (SimCSE++, without
            dropout); how alike a pair is stays a matter of ``anchor`` and ``positive``.
        partners: For each negative the number of the text that it was a pair with in its own
            batch (a queue's), shape ``[candidates]``; that text is not contrasted with it either.

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
    mask_above: float = math.inf
    in_batch: bool = True
    contrasted: Embeddings | None = None
    partners: Tensor | None = None

    def __post_init__(self) -> None:
        if self.anchor.ndim != 2 or self.anchor.shape != self.positive.shape:
            raise ValueError(
                f"anchor and positive need one shape [batch, dim], got {list(self.anchor.shape)} "
                f"and {list(self.positive.shape)}."
            )
        if self.contrasted is not None and self.contrasted.shape != self.anchor.shape:
            raise ValueError(
                f"contrasted needs the shape of anchor, {list(self.anchor.shape)}, got "
                f"{list(self.contrasted.shape)}."
            )
        dim = self.anchor.shape[1]
        if self.negatives is not None and self.negatives.shape[1:] != (dim,):
            raise ValueError(
                f"negatives need shape [candidates, {dim}], got {list(self.negatives.shape)}."
            )
        labelled, name = (self.anchor, "anchor") if self.logits is None else (self.logits, "logits")
        if self.labels is not None:
            rows = len(self.labels)
            of_logits = self.logits is not None and len(self.logits) in (rows, 2 * rows)
            if rows != len(self.anchor) and not of_logits:
                raise ValueError(f"labels need {len(labelled)} rows as {name} has, got {rows}.")
        texts = 2 * len(self.anchor) + (0 if self.negatives is None else len(self.negatives))
        if self.texts is not None and len(self.texts) != texts:
            raise ValueError(
                f"texts need {texts} rows (anchors, positives, negatives), got {len(self.texts)}."
            )
        negatives = 0 if self.negatives is None else len(self.negatives)
        if self.partners is not None and (self.texts is None or len(self.partners) != negatives):
            raise ValueError(
                f"partners need texts and {negatives} rows as negatives has, got "
                f"{len(self.partners)}."
            )

    def unit(self) -> "Pairs":
        """Return the same pairs with every embedding at length 1."""
        return self.map(partial(F.normalize, dim=1))

    def map(self, change: Callable[[Embeddings], Embeddings]) -> "Pairs":
        """Return the same pairs with every embedding changed."""
        return replace(
            self,
            anchor=change(self.anchor),
            positive=change(self.positive),
            negatives=None if self.negatives is None else change(self.negatives),
            contrasted=None if self.contrasted is None else change(self.contrasted),
        )

    def split_texts(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the numbers of the anchors', the positives' and the negatives' texts.

        Raises:
            ValueError: When they are not known.
        """
        if self.texts is None:
            raise ValueError("These pairs do not know their texts.")
        batch = len(self.anchor)
        return self.texts[:batch], self.texts[batch : 2 * batch], self.texts[2 * batch :]

    def float(self) -> "Pairs":
        """Return the same pairs with half precision raised to float32."""
        logits = None if self.logits is None else _at_least_float32(self.logits)
        return replace(self.map(_at_least_float32), logits=logits)


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
