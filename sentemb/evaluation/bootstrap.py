"""Is one model better than another, or are these the rows that happen to suit it?"""

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


def _mean(outcomes: Sequence[Outcome], rows: NDArray[np.int64]) -> float:
    return float(np.mean([one.score(one.items[rows]) for one in outcomes]))
