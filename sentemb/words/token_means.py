"""A static model that trains: a weighted vector a token, and the mean of them for a text."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from sentemb.bars import Progress
from sentemb.errors import InputError, NumericError, UsageError
from sentemb.inference.static import BATCH, Static
from sentemb.types import Embeddings
from sentemb.values import require_at_least, require_kinds_of_fields

logger = logging.getLogger("sentemb")
Tokens = NDArray[np.int32]


@dataclass(frozen=True)
class StaticSettings:
    """How the vectors of tokens are trained, by Adam.

    Args:
        epochs: Passes over the data, at most.
        batch_size: Rows of a step; all rows where there are fewer.
        learning_rate: At the top; falls linearly to 0.
        warmup: Share of the steps that the learning rate rises over.
        held_out: Share of the rows that no step is taken on. Training ends at the first epoch that
            does not lower their loss, and the vectors before it are kept; 0 for all epochs.
        seed: Of the order of rows, and of random vectors.

    Raises:
        UsageError: When a value is out of its range.
    """

    epochs: int = 1
    batch_size: int = 2048
    learning_rate: float = 0.05
    warmup: float = 0.1
    held_out: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        require_kinds_of_fields(self)
        require_at_least(1, epochs=self.epochs)
        require_at_least(2, batch_size=self.batch_size)
        require_at_least(0, seed=self.seed)
        if not self.learning_rate > 0:
            raise UsageError(f"learning_rate must be above 0, got {self.learning_rate!r}.")
        for name in ("warmup", "held_out"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name} must be from 0 to below 1, got {getattr(self, name)!r}.")


class History(NamedTuple):
    """The mean loss of each epoch; of rows held out, where there are any, before the first too."""

    losses: list[float]
    held_out: list[float]


class TokenMeans(nn.Module):
    r"""The mean of a text's weighted token vectors, :math:`\frac1n \sum_i w_{t_i} v_{t_i}`.

    Args:
        vectors: ``[vocabulary, dim]``.
        weights: ``[vocabulary]``; of tokens with weight 0 and vector 0 nothing is learned.

    Raises:
        UsageError: When the two have different numbers of tokens.
    """

    def __init__(
        self, vectors: NDArray[np.floating[Any]], weights: NDArray[np.floating[Any]]
    ) -> None:
        super().__init__()
        if len(vectors) != len(weights):
            raise UsageError(f"{len(vectors):,} vectors of tokens, but {len(weights):,} weights.")
        self.vectors = nn.Parameter(torch.from_numpy(vectors.astype(np.float32)))
        self.weights = nn.Parameter(torch.from_numpy(weights.astype(np.float32)))

    def forward(self, rows: Sequence[Tokens]) -> Embeddings:
        """Embed texts in tokens; returns ``[texts, dim]``, 0 for a text without tokens."""
        ids = torch.from_numpy(np.concatenate(rows).astype(np.int64))
        lengths = torch.tensor([len(row) for row in rows])
        share = self.weights[ids] / lengths.repeat_interleave(lengths)
        starts = lengths.cumsum(0) - lengths
        return embedding_bag(ids, self.vectors, starts, mode="sum", per_sample_weights=share)

    def static(self, tokenizer: Tokenizer, variance: float) -> Static:
        """Return the model as it is saved, its weights multiplied into its vectors."""
        table = (self.weights[:, None] * self.vectors).detach().numpy()
        return Static(tokenizer, table, variance)


def tokenised(texts: Iterable[str], tokenizer: Tokenizer) -> list[Tokens]:
    """Return the tokens of each text."""
    found: list[Tokens] = []
    iterator = iter(texts)
    while window := list(islice(iterator, BATCH)):
        encodings = tokenizer.encode_batch_fast(window, add_special_tokens=False)
        found += [np.array(text.ids, np.int32) for text in encodings]
    return found


def train_means(
    means: TokenMeans,
    rows: int,
    loss_of: Callable[[NDArray[np.int64]], Tensor],
    settings: StaticSettings,
) -> History:
    """Train the vectors and weights of tokens.

    Args:
        means: Changed in place.
        rows: Of the data.
        loss_of: The loss of rows, by their numbers.
        settings: How.

    Raises:
        InputError: When fewer than two rows are left to train on, or are held out.
        NumericError: When the loss is not finite.
    """
    if rows < 2:
        raise InputError(f"Training needs at least 2 distinct texts; the data has {rows}.")
    random, optimizer = np.random.default_rng(settings.seed), torch.optim.Adam(means.parameters())
    kept, held_out = _divided(rows, settings.held_out, random)
    batch = min(settings.batch_size, len(kept))
    steps, history = settings.epochs * (len(kept) // batch), History([], [])
    if len(held_out):
        _is_worse(history.held_out, loss_of, held_out, batch)  # where it begins
    with Progress("training", steps, "steps") as shown:
        for _ in range(settings.epochs):
            before = [parameter.detach().clone() for parameter in means.parameters()]
            losses = []
            for some in _batches(random.permutation(kept), batch):
                optimizer.param_groups[0]["lr"] = _rate(shown.done, steps, settings)
                loss = loss_of(some)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                losses.append(float(loss.detach()))
                shown.add(1)
            history.losses.append(float(np.mean(losses)))
            if not np.isfinite(history.losses[-1]):
                raise NumericError("The loss is not finite: lower `learning_rate`.")
            logger.info("epoch %d: loss %.4f", len(history.losses), history.losses[-1])
            if len(held_out) and _is_worse(history.held_out, loss_of, held_out, batch):
                for parameter, was in zip(means.parameters(), before, strict=True):
                    parameter.data.copy_(was)
                break
    return history


def _divided(
    rows: int, share: float, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to train on, and those that are held out."""
    held_out = round(rows * share)
    if share and min(held_out, rows - held_out) < 2:
        raise InputError(
            f"held_out={share:g} divides {rows:,} rows into {rows - held_out:,} and {held_out:,}, "
            "and either side needs 2: give more rows, or another share."
        )
    order = random.permutation(rows) if held_out else np.arange(rows)
    return order[held_out:], order[:held_out]


def _batches(rows: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    """Yield rows, so many at a time; what is left at the end is left out."""
    for start in range(0, len(rows) - size + 1, size):
        yield rows[start : start + size]


def _is_worse(
    known: list[float],
    loss_of: Callable[[NDArray[np.int64]], Tensor],
    rows: NDArray[np.int64],
    batch: int,
) -> bool:
    """Note the mean loss of rows that are held out, and say whether it has stopped falling."""
    with torch.no_grad():
        losses = [float(loss_of(some)) for some in _batches(rows, min(batch, len(rows)))]
    known.append(float(np.mean(losses)))
    logger.info("loss of rows held out %.4f", known[-1])
    return len(known) > 1 and not known[-1] < known[-2]


def _rate(step: int, steps: int, settings: StaticSettings) -> float:
    """Return the learning rate of a step, counted from 0: it rises, then falls linearly to 0."""
    rising = settings.warmup * steps
    share = (step + 1) / rising if step < rising - 1 else (steps - step) / (steps - rising)
    return settings.learning_rate * min(1.0, share)
