"""What losses refuse."""

import math

from torch import Tensor

from sentemb.errors import UsageError
from sentemb.pairs import Pairs
from sentemb.types import Embeddings
from sentemb.values import is_number

GRADED = "give data with sentence1, sentence2 and score (method cosent)."


def check_positive(**numbers: float) -> None:
    """Raise unless each is a positive, finite number."""
    for name, number in numbers.items():
        if not (is_number(number) and math.isfinite(number) and number > 0):
            raise UsageError(f"{name} must be a positive number, got {number!r}.")


def check_not_negative(**numbers: float) -> None:
    """Raise unless each is a finite number, 0 or more."""
    for name, number in numbers.items():
        if not (is_number(number) and math.isfinite(number) and number >= 0):
            raise UsageError(f"{name} must be 0 or a positive number, got {number!r}.")


def check_finite(**numbers: float) -> None:
    """Raise unless each is a finite number."""
    for name, number in numbers.items():
        if not (is_number(number) and math.isfinite(number)):
            raise UsageError(f"{name} must be a number, got {number!r}.")


def check_rate(**numbers: float) -> None:
    """Raise unless each is in [0, 1)."""
    for name, number in numbers.items():
        if not (is_number(number) and 0 <= number < 1):
            raise UsageError(f"{name} must be in [0, 1), got {number!r}.")


def scores_of(pairs: Pairs, loss: object) -> Tensor:
    """Return the score of each pair, in the precision of the embeddings."""
    name = type(loss).__name__
    if pairs.labels is None:
        raise UsageError(f"{name} needs a score for each pair: {GRADED}")
    if len(pairs.labels) != len(pairs.anchor):
        raise UsageError(
            f"{name} needs a score for each pair, got {len(pairs.labels)} for "
            f"{len(pairs.anchor)}: {GRADED}"
        )
    return pairs.labels.to(pairs.anchor.dtype)


def check_scores_within(scores: Tensor, least: float, most: float, loss: object) -> None:
    """Raise unless all scores are in a range; names the first pair whose score is not."""
    outside = ((scores < least) | (scores > most)).nonzero()
    if len(outside):
        pair = int(outside[0])
        raise UsageError(
            f"{type(loss).__name__} needs scores in [{least:g}, {most:g}], got "
            f"{float(scores[pair]):g} in pair {pair + 1}: scale them, or use a loss of order "
            "(cosent)."
        )


def need_scores_not_classes(pairs: Pairs, loss: object) -> None:
    """Raise where labels are whole numbers: classes, whose order means nothing."""
    if pairs.labels is not None and not pairs.labels.is_floating_point():
        raise UsageError(
            f"{type(loss).__name__} ranks pairs by score, but the labels are classes: {GRADED}"
        )


def need_two_rows(pairs: Pairs, loss: object) -> None:
    """Raise where a batch has one row, and so no spread."""
    if len(pairs.anchor) < 2:
        raise UsageError(
            f"{type(loss).__name__} needs a batch of 2 or more, got {len(pairs.anchor)}."
        )


def own_negatives(pairs: Pairs, asker: object) -> Embeddings:
    """Return the hard negatives of each row, shape ``[batch, hard, dim]``.

    Args:
        pairs: Of a batch.
        asker: The loss that needs them, in the words of an error.

    Raises:
        UsageError: When there are none, or they belong to no row.
    """
    if pairs.negatives is None or not pairs.has_own:
        got = "none" if pairs.negatives is None else "negatives that belong to no row (a queue)"
        raise UsageError(
            f"{type(asker).__name__} needs hard negatives of each row, [batch, hard, dim], got "
            f"{got}: give data with a negative column (method simcse-sup)."
        )
    return pairs.of_own(pairs.negatives)
