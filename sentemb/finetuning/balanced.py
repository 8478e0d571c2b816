"""Batches with several rows of every class."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler


class ClassBalancedSampler(Sampler[int]):
    r"""Draw rows with replacement so that every class is as likely as any other.

    .. math:: p_i = \frac{1}{C \, n_{y_i}}

    The draws of an epoch depend on the seed and the epoch's number alone, so a resumed run sees the
    rows of an uninterrupted one.

    Args:
        labels: Class of each row.
        seed: Of the draws.
    """

    def __init__(self, labels: list[int], seed: int) -> None:
        classes = torch.tensor(labels)
        self._weights = 1.0 / torch.bincount(classes)[classes].double()
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Draw the rows of this epoch next; transformers calls it."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed + self._epoch)
        draws = torch.multinomial(self._weights, len(self), replacement=True, generator=generator)
        return iter(draws.tolist())

    def __len__(self) -> int:
        return len(self._weights)
