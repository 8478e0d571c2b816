"""Bounds on a rate that is known from a sample: Clopper–Pearson, and conformal prediction."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import InputError

Scores = NDArray[np.float64]
GRID = tuple(step / 1000 for step in range(1000, -1001, -1))
"""Thresholds that are tried, the strictest first: fixed before any score is seen."""
COARSE_GRID = tuple(step / 100 for step in range(50, 100))
"""Thresholds that share one error probability."""


def upper_bound(errors: int, trials: int, delta: float) -> float:
    r"""Return the Clopper–Pearson upper bound on a rate.

    .. math:: u = \mathrm{Beta}^{-1}(1 - \delta;\; k + 1,\; n - k)

    The true rate is above it with probability δ at most, whatever it is.

    Args:
        errors: k, of so many trials.
        trials: n, independent.
        delta: δ in (0, 1).

    Source: Clopper and Pearson, 1934.

    Example:
        >>> round(upper_bound(2, 100, 0.05), 10)
        0.0616192004
    """
    from scipy.special import betaincinv

    return 1.0 if errors >= trials else float(betaincinv(errors + 1, trials - errors, 1 - delta))


def least_trials(at_most: float, delta: float) -> int:
    """Return how many trials without an error bound a rate.

    Example:
        >>> least_trials(0.1, 0.05)
        29
    """
    return math.ceil(math.log(delta) / math.log(1 - at_most))


def strict_to_lenient(
    scores: Scores, at_most: float, delta: float, share: float = 0.0
) -> tuple[float, int, float]:
    """Return the lowest threshold that few of the different pairs reach.

    Thresholds are tried from the strictest down, and the first that fails ends the search. So no
    correction for trying many is needed (fixed-sequence testing).

    Args:
        scores: Of different pairs; or of random ones.
        at_most: The rate that is allowed.
        delta: Probability that the true rate is above it.
        share: Share of the scores, at most, that are of the same after all.

    Returns:
        The threshold, how many scores reach it, and the bound on the rate.

    Raises:
        InputError: When no threshold is strict enough.
    """
    ascending = np.sort(scores)
    found: tuple[float, int, float] | None = None
    for threshold in GRID:
        errors = len(scores) - int(np.searchsorted(ascending, threshold))
        bound = upper_bound(errors, len(scores), delta) / (1 - share)
        if bound > at_most:
            break
        found = threshold, errors, bound
    if found is None:
        at_one = int((scores >= 1).sum())
        raise InputError(
            f"No threshold keeps the rate at {at_most:g} with these {len(scores):,} pairs"
            + (f", of which {at_one:,} have cosine 1" if at_one else "")
            + f": {least_trials(at_most * (1 - share), delta):,} pairs without an error are "
            "needed. Give more pairs, or a higher `at_most`."
        )
    return found


def lowest_of_grid(
    scores: Scores, same: NDArray[np.bool_], at_most: float, delta: float
) -> tuple[float, int, float]:
    """Return the lowest threshold above which few of the pairs are different.

    The thresholds of a fixed grid share δ evenly (Bonferroni).

    Args:
        scores: Of pairs.
        same: Whether each belongs together.
        at_most: The rate that is allowed: different pairs among those that reach the threshold.
        delta: Probability that the true rate is above it.

    Returns:
        The threshold, how many different pairs reach it, and the bound on the rate.

    Raises:
        InputError: When no threshold is strict enough.
    """
    for threshold in COARSE_GRID:
        reach = scores >= threshold
        errors, trials = int((reach & ~same).sum()), int(reach.sum())
        bound = upper_bound(errors, trials, delta / len(COARSE_GRID))
        if bound <= at_most:
            return threshold, errors, bound
    raise InputError(
        f"No threshold keeps the share of different pairs at {at_most:g}: "
        f"{least_trials(at_most, delta / len(COARSE_GRID)):,} pairs above one, all of them the "
        "same, would. Give more pairs, or a higher `at_most`."
    )


def conformal(scores: Sequence[float] | Scores, at_most: float) -> float:
    r"""Return the score that a new different pair exceeds with a probability of at most α.

    .. math:: s_{(\lceil (1 - \alpha)(n + 1) \rceil)}

    The probability is on average over samples of scores, where Clopper–Pearson holds for all but δ
    of them.

    Args:
        scores: Of different pairs, exchangeable with the new one.
        at_most: α in (0, 1).

    Raises:
        InputError: When there are fewer than 1/α - 1 scores.

    Source: Vovk et al., 2005, inductive conformal prediction.

    Example:
        >>> conformal([0.1, 0.5, 0.3, 0.2], 0.25)
        0.5
    """
    n = len(scores)
    rank = math.ceil(round((1 - at_most) * (n + 1), 9))
    if rank > n:
        raise InputError(
            f"A rate of {at_most:g} needs at least {math.ceil(1 / at_most) - 1:,} different pairs, "
            f"there are {n:,}. Give more pairs, or a higher `at_most`."
        )
    return float(np.sort(np.asarray(scores, np.float64))[rank - 1])
