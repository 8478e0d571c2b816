"""How far the rows of a task decide a score, and the difference between two models."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentemb.evaluation.scores import Numbers, Outcome

RESAMPLES = 1000


@dataclass(frozen=True)
class Difference:
    """How much better the second model is.

    Args:
        value: Its main number less the first's.
        low: Where the 95 % interval of the difference begins.
        high: Where it ends.
        p: Of a difference as far from none, were there none; two-sided.
    """

    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Interval:
    """An average over tasks.

    Args:
        value: The mean of the tasks' main numbers.
        low: Where its 95 % interval begins.
        high: Where it ends.
    """

    value: float
    low: float
    high: float


def bootstrap_average(tasks: Sequence[Sequence[Outcome]], resamples: int = RESAMPLES) -> Interval:
    """Find how far a model's average over tasks depends on their rows.

    The rows of each task are drawn again, with replacement, each task by itself. With several seeds
    their mean is taken; the interval is of the rows drawn, not of the seeds.

    Args:
        tasks: Outcomes of the model on each task, one a seed.
        resamples: How often rows are drawn.

    Source: Efron & Tibshirani, 1993: the percentile interval.

    Example:
        >>> from sentemb.evaluation.scores import percent_mean
        >>> certain = Outcome({}, np.array([[1.0], [1.0]]), percent_mean)
        >>> bootstrap_average([[certain], [certain]])
        Interval(value=100.0, low=100.0, high=100.0)
    """
    rng = np.random.default_rng(0)
    sizes = [len(seeds[0].items) for seeds in tasks]
    drawn = ([rng.integers(size, size=size) for size in sizes] for _ in range(resamples))
    value = _average(tasks, [np.arange(size) for size in sizes])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a draw may hold a single score
        found = [_average(tasks, draw) for draw in drawn]
    low, high = np.quantile(found, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def paired_bootstrap(
    first: Sequence[Outcome], second: Sequence[Outcome], resamples: int = RESAMPLES
) -> Difference:
    r"""Compare two models on one task by drawing its rows again, with replacement.

    .. math:: p = \min\bigl(1, 2 \min(\#\{\delta \le 0\} + 1, \#\{\delta \ge 0\} + 1)
        / (R + 1)\bigr)

    Both models are scored on the same draws. With several seeds their mean is compared; the
    interval is of the rows drawn, not of the seeds, whose spread is shown beside the mean.

    Args:
        first: Outcomes of a model on the task, one a seed.
        second: Of another model, on the same rows.
        resamples: How often rows are drawn; p is no less than 2 / (resamples + 1).

    Source: Efron & Tibshirani, 1993; for such scores Berg-Kirkpatrick et al., 2012.

    Example:
        >>> from sentemb.evaluation.scores import percent_mean
        >>> worse = Outcome({}, np.array([[0.0], [0.0], [1.0]]), percent_mean)
        >>> paired_bootstrap([worse], [worse])
        Difference(value=0.0, low=0.0, high=0.0, p=1.0)
    """
    rng = np.random.default_rng(0)
    rows = len(first[0].items)
    value = _mean(second, np.arange(rows)) - _mean(first, np.arange(rows))
    drawn = (rng.integers(rows, size=rows) for _ in range(resamples))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a draw may hold a single score
        deltas: Numbers = np.array([_mean(second, draw) - _mean(first, draw) for draw in drawn])
    tail = min((deltas <= 0).sum(), (deltas >= 0).sum()) + 1
    low, high = np.quantile(deltas, [0.025, 0.975])
    return Difference(value, float(low), float(high), min(1.0, 2 * float(tail) / (resamples + 1)))


def _average(tasks: Sequence[Sequence[Outcome]], rows: Sequence[NDArray[np.int64]]) -> float:
    return float(np.mean([_mean(seeds, drawn) for seeds, drawn in zip(tasks, rows, strict=True)]))


def _mean(outcomes: Sequence[Outcome], rows: NDArray[np.int64]) -> float:
    return float(np.mean([one.score(one.items[rows]) for one in outcomes]))
