"""Abstaining: answer only where the confidence is high, and know how often that is wrong."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from sentemb.errors import UsageError
from sentemb.table import Cell, Table

Numbers = NDArray[np.float64]
GRID = 20
"""Coverages that a guarantee is looked for at: 5 %, 10 %, …, 100 %."""
SHOWN = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)


def error_bound(errors: int, rows: int, delta: float = 0.05) -> float:
    r"""Upper bound of an error rate, by Clopper and Pearson: exceeded with probability δ at most.

    .. math:: u = \mathrm{Beta}^{-1}(1 - \delta; k + 1, n - k)

    Args:
        errors: k, how many of the rows are wrong.
        rows: n.
        delta: δ.

    Example:
        >>> round(error_bound(0, 30), 6), error_bound(2, 2)
        (0.095034, 1.0)
    """
    return 1.0 if errors >= rows else float(beta.ppf(1 - delta, errors + 1, rows - errors))


@dataclass(frozen=True)
class Guarantee:
    """A level of confidence above which the error rate of new rows is bounded.

    Args:
        level: Answer where the confidence is at least this; None where no level holds.
        coverage: Share of the rows that are answered.
        risk: Share of wrong answers among them.
        bound: What the error rate of new rows stays below, with probability 1 − ``delta``.
        max_risk: What was asked for.
        delta: δ.
    """

    level: float | None
    coverage: float
    risk: float
    bound: float
    max_risk: float
    delta: float

    def __str__(self) -> str:
        """Say what holds, or how many rows it would take."""
        sure = f"{100 * (1 - self.delta):g} % confidence"
        if self.level is None:
            least = rows_needed(self.max_risk, self.delta / GRID)
            return (
                f"no level of confidence keeps the error rate below {self.max_risk:g} at {sure}: "
                f"all rows abstain. Without any error it takes {least:,} labelled rows."
            )
        return (
            f"a level of {self.level:.6g} answers {100 * self.coverage:.0f} % of the rows, with an "
            f"error rate of {self.risk:.4f}; of new rows it is below {self.bound:.4f} at {sure}"
        )


@dataclass(frozen=True)
class RiskCoverage:
    """Rows sorted by confidence, the highest first, with the risk of answering up to each of them.

    Args:
        confidence: Of each row, falling.
        risk: Share of wrong answers among the rows up to this one.

    Source: El-Yaniv and Wiener, 2010, On the Foundations of Noise-free Selective Classification;
        AURC as in Geifman, Uziel and El-Yaniv, 2019 (arXiv:1805.08206).
    """

    confidence: Numbers
    risk: Numbers

    @classmethod
    def of(cls, confidence: Sequence[float], correct: Sequence[bool]) -> "RiskCoverage":
        """Sort rows by confidence; equal confidences stay in order.

        Example:
            >>> RiskCoverage.of([0.1, 0.9, 0.5], [False, True, True]).risk.round(3).tolist()
            [0.0, 0.0, 0.333]
        """
        scores = np.asarray(confidence, dtype=np.float64)
        order = np.argsort(-scores, kind="stable")
        wrong = ~np.asarray(correct, dtype=bool)[order]
        return cls(scores[order], wrong.cumsum() / np.arange(1, len(wrong) + 1))

    @property
    def aurc(self) -> float:
        """Area under the risk-coverage curve: the mean risk. Smaller is better."""
        return float(self.risk.mean())

    def at(self, coverage: float) -> tuple[float, int, int]:
        """Return the level of a coverage, the rows that reach it, and the errors among them.

        Rows whose confidence equals the level are answered, too.
        """
        least = max(1, math.ceil(coverage * len(self.risk) - 1e-9))
        level = float(self.confidence[least - 1])
        rows = int((self.confidence >= level).sum())
        return level, rows, round(float(self.risk[rows - 1]) * rows)

    def guarantee(self, max_risk: float, delta: float = 0.05) -> Guarantee:
        """Find the largest coverage of the grid whose error rate is bounded.

        Each of the `GRID` coverages is tested at δ / `GRID`, so the chosen one holds at δ.

        Args:
            max_risk: The highest error rate to accept, in (0, 1).
            delta: Probability that the bound is wrong.
        """
        for step in range(GRID, 0, -1):
            level, rows, errors = self.at(step / GRID)
            bound = error_bound(errors, rows, delta / GRID)
            if bound <= max_risk:
                coverage = rows / len(self.risk)
                return Guarantee(level, coverage, errors / rows, bound, max_risk, delta)
        return Guarantee(None, 0.0, 0.0, 1.0, max_risk, delta)

    def table(self, delta: float = 0.05) -> Table:
        """Return the risk at some coverages, each with the bound that holds for it alone."""
        found: list[list[Any]] = []
        for coverage in SHOWN:
            level, rows, errors = self.at(coverage)
            share = rows / len(self.risk)
            bound = error_bound(errors, rows, delta)
            found.append([Cell(share, f"{100 * share:.0f} %"), level, rows, errors / rows, bound])
        return Table(["coverage", "level", "rows", "risk", f"risk, {1 - delta:.0%} bound"], found)


def rows_needed(max_risk: float, delta: float = 0.05) -> int:
    r"""Return how many rows without an error bound the risk: :math:`\ln\delta / \ln(1 - r)`.

    Example:
        >>> rows_needed(0.1), rows_needed(0.1, 0.0025)
        (29, 57)
    """
    return math.ceil(math.log(delta) / math.log1p(-max_risk))


def require_rate(**rates: float | None) -> None:
    """Raise unless each is a rate in (0, 1), where it is given.

    Raises:
        UsageError: Names it.
    """
    for name, rate in rates.items():
        if rate is not None and not 0 < rate < 1:
            raise UsageError(f"{name} must be a rate between 0 and 1, got {rate!r}.")
