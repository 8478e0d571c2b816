"""A static model that trains: a weighted vector a token, and the mean of them for a text."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

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
        epochs: Passes over the data.
        batch_size: Rows of a step; all rows where there are fewer.
        learning_rate: At the top; falls linearly to 0.
        warmup: Share of the steps that the learning rate rises over.
        seed: Of the order of rows, and of random vectors.

    Raises:
        UsageError: When a value is out of its range.
    """

    epochs: int = 2
    batch_size: int = 256
    learning_rate: float = 3e-3
    warmup: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        require_kinds_of_fields(self)
        require_at_least(1, epochs=self.epochs)
        require_at_least(2, batch_size=self.batch_size)
        require_at_least(0, seed=self.seed)
        if not self.learning_rate > 0:
            raise UsageError(f"learning_rate must be above 0, got {self.learning_rate!r}.")
        if not 0 <= self.warmup < 1:
            raise UsageError(f"warmup must be from 0 to below 1, got {self.warmup!r}.")


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
) -> list[float]:
    """Train the vectors and weights of tokens; returns the mean loss of each epoch.

    Args:
        means: Changed in place.
        rows: Of the data.
        loss_of: The loss of rows, by their numbers.
        settings: How.

    Raises:
        InputError: When there are fewer than two rows.
        NumericError: When the loss is not finite.
    """
    if rows < 2:
        raise InputError(f"Training needs at least 2 distinct texts; the data has {rows}.")
    batch = min(settings.batch_size, rows)
    random, optimizer = np.random.default_rng(settings.seed), torch.optim.Adam(means.parameters())
    steps, history = settings.epochs * (rows // batch), list[float]()
    with Progress("training", steps, "steps") as shown:
        for _ in range(settings.epochs):
            order, total = random.permutation(rows), 0.0
            for start in range(0, rows - batch + 1, batch):
                optimizer.param_groups[0]["lr"] = _rate(shown.done, steps, settings)
                loss = loss_of(order[start : start + batch])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                total += float(loss.detach())
                shown.add(1)
            history.append(total / (rows // batch))
            if not np.isfinite(history[-1]):
                raise NumericError("The loss is not finite: lower `learning_rate`.")
            logger.info("epoch %d: loss %.4f", len(history), history[-1])
    return history


def _rate(step: int, steps: int, settings: StaticSettings) -> float:
    """Return the learning rate of a step, counted from 0: it rises, then falls linearly to 0."""
    rising = settings.warmup * steps
    share = (step + 1) / rising if step < rising - 1 else (steps - step) / (steps - rising)
    return settings.learning_rate * min(1.0, share)
