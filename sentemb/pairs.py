"""`Pairs`: the contract between what embeds sentences and what compares them."""

from dataclasses import dataclass, replace

import torch
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
        labels: Class of each anchor, or score of each pair, shape ``[batch]``.

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

    def __post_init__(self) -> None:
        if self.anchor.ndim != 2 or self.anchor.shape != self.positive.shape:
            raise ValueError(
                f"anchor and positive need one shape [batch, dim], got {list(self.anchor.shape)} "
                f"and {list(self.positive.shape)}."
            )
        dim = self.anchor.shape[1]
        if self.negatives is not None and self.negatives.shape[1:] != (dim,):
            raise ValueError(
                f"negatives need shape [candidates, {dim}], got {list(self.negatives.shape)}."
            )
        if self.labels is not None and self.labels.shape[:1] != self.anchor.shape[:1]:
            raise ValueError(
                f"labels need {len(self.anchor)} rows as anchor has, got {len(self.labels)}."
            )

    def float(self) -> "Pairs":
        """Return the same pairs with half-precision embeddings raised to float32."""
        negatives = None if self.negatives is None else _at_least_float32(self.negatives)
        return replace(
            self,
            anchor=_at_least_float32(self.anchor),
            positive=_at_least_float32(self.positive),
            negatives=negatives,
        )


def _at_least_float32(embeddings: Embeddings) -> Embeddings:
    return embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
