"""Several data sets in one run: whose rows each batch has, and in which order."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from sentemb.datasets.several import Order
from sentemb.errors import UsageError
from sentemb.training.collator import NumberedRows
from sentemb.values import is_number

ORDER, ROWS = 0, 1
"""What a draw is for."""


@dataclass(frozen=True)
class Mixing:
    r"""The batches of each epoch over several data sets, each of the rows of one of them.

    An epoch has as many batches as all data sets together, :math:`T = \sum_s \lfloor n_s / B
    \rfloor`. Data set s gets the share :math:`w_s / \sum w` of them, rounded so that they add up to
    T: ``proportional`` takes its number of batches for w, ``round-robin`` 1, ``weights`` what
    was given. A data set with more batches than its share continues where it stopped in the epoch
    before; one with fewer begins again, in another order. All is a function of seed and epoch.

    Args:
        names: Of the data sets.
        rows: How many each has; they stand one data set after the other.
        batch: Rows of a batch, of all processes.
        seed: Of all orders.
        order: ``round-robin`` takes a batch of each in turn, the others draw the order.
        weights: Of each, where that is the order.

    Raises:
        UsageError: When a data set has fewer rows than a batch, or weights are missing, negative,
            or 0 in all.
    """

    names: tuple[str, ...]
    rows: tuple[int, ...]
    batch: int
    seed: int
    order: Order = "proportional"
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.order not in get_args(Order):
            raise UsageError(
                f"mixing must be one of {', '.join(get_args(Order))}; got '{self.order}'."
            )
        for name, rows in zip(self.names, self.rows, strict=True):
            if rows < self.batch:
                raise UsageError(
                    f"The batch of {self.batch} is larger than the data set '{name}' ({rows} "
                    f"rows): give `batch_size={rows}` or less, or more data."
                )
        if self.order == "weights":
            check_weights(self.names, self.weights)

    @cached_property
    def whole(self) -> NDArray[np.int64]:
        """Whole batches of each data set."""
        return np.array(self.rows, np.int64) // self.batch

    @property
    def total(self) -> int:
        """Batches of an epoch."""
        return int(self.whole.sum())

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Batches of an epoch by data set."""
        if self.order == "proportional":
            return self.whole
        weights = np.array(self.weights or [1.0] * len(self.names))
        exact = self.total * weights / weights.sum()
        counts: NDArray[np.int64] = np.floor(exact).astype(np.int64)
        most = np.argsort(counts - exact, kind="stable")[: self.total - counts.sum()]
        counts[most] += 1
        return counts

    def sources(self, epoch: int) -> NDArray[np.int64]:
        """Return the data set of each batch of an epoch."""
        if self.order == "round-robin":
            turns = np.concatenate([np.arange(count) for count in self.counts])
            sources = np.repeat(np.arange(len(self.names)), self.counts)
            in_turn: NDArray[np.int64] = sources[np.lexsort((sources, turns))]
            return in_turn
        drawn = np.repeat(np.arange(len(self.names)), self.counts)
        np.random.default_rng((self.seed, ORDER, epoch)).shuffle(drawn)
        return drawn

    def batches(self, epoch: int) -> Iterator[NDArray[np.int64]]:
        """Yield the rows of each batch of an epoch."""
        starts = np.cumsum([0, *self.rows])
        at = [int(count) * epoch for count in self.counts]
        passes: dict[int, tuple[int, NDArray[np.int64]]] = {}
        for source in self.sources(epoch).tolist():
            number, place = divmod(at[source], int(self.whole[source]))
            if passes.get(source, (-1,))[0] != number:
                rng = np.random.default_rng((self.seed, ROWS, source, number))
                passes[source] = number, rng.permutation(self.rows[source])
            some = passes[source][1][place * self.batch : (place + 1) * self.batch]
            yield starts[source] + some
            at[source] += 1

    def batches_of(self, steps: int, accumulation: int) -> int:
        """Return how many batches so many steps take; the last step of an epoch may take fewer."""
        epochs, rest = divmod(steps, math.ceil(self.total / accumulation))
        return epochs * self.total + rest * accumulation

    def seen(self, batches: int) -> list[int]:
        """Return how many of the first batches of a run are of each data set."""
        epochs, rest = divmod(batches, self.total)
        some = np.bincount(self.sources(epochs)[:rest], minlength=len(self.names))
        return [int(count) for count in self.counts * epochs + some]


class BatchesOfOneSource(Sampler[int]):
    """Yields the rows of an epoch, batch after batch.

    Args:
        mixing: What is in each batch.
        rows: They know the epoch.
    """

    def __init__(self, mixing: Mixing, rows: NumberedRows) -> None:
        self.mixing, self.rows = mixing, rows

    def __len__(self) -> int:
        return self.mixing.total * self.mixing.batch

    def __iter__(self) -> Iterator[int]:
        for batch in self.mixing.batches(self.rows.epoch):
            yield from batch.tolist()


def check_weights(names: Sequence[str], weights: Sequence[float]) -> None:
    """Raise unless there is a weight for each data set, none negative, not all 0.

    Raises:
        UsageError: When that is so.
    """
    if len(weights) != len(names):
        raise UsageError(f"{len(names)} data sets need as many weights, got {len(weights)}.")
    for name, weight in zip(names, weights, strict=True):
        if not (is_number(weight) and math.isfinite(weight) and weight >= 0):
            raise UsageError(
                f"The weight of '{name}' must be 0 or a positive number, got {weight}."
            )
    if not sum(weights):
        raise UsageError("The weights of the data sets sum to 0: give one of them a positive one.")


def said_of_source(one: Mapping[str, Any]) -> str:
    """Say in a line what ``run.json`` has of a data set."""
    return (
        f"{one['rows']:,} rows ({', '.join(one['columns'])}), {one['loss']}; {one['share']:.0%} "
        f"of the batches ({one['batches']:,})"
    )
