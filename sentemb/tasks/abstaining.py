"""Abstaining: answer only where the confidence is high, and know how often that is wrong."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import UsageError
from sentemb.table import Cell, Table
from sentemb.tasks.bounds import least_trials, upper_bound

Numbers = NDArray[np.float64]
COVERAGES = 20
"""Coverages that a guarantee is looked for at: 5 %, 10 %, …, 100 %."""
SHOWN = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)


@dataclass(frozen=True)
class Guarantee:
    """A level of confidence above which the error rate of new rows is bounded.

    Args:
        level: Answer where the confidence is at least this; None where no level holds.
        coverage: Share of the rows that are answered.
        risk: Share of wrong answers among them.
        bound: What the error rate of new rows stays below.
        at_most: The error rate that was allowed.
        confidence: Probability that the bound holds.
    """

    level: float | None
    coverage: float
    risk: float
    bound: float
    at_most: float
    confidence: float

    def __str__(self) -> str:
        """Say what holds, or how many rows it would take."""
        sure = f"with a confidence of {self.confidence:g}"
        if self.level is None:
            least = least_trials(self.at_most, (1 - self.confidence) / COVERAGES)
            return (
                f"no level keeps the error rate at {self.at_most:g} {sure}, so all rows abstain; "
                f"{least:,} answers without an error would be needed"
            )
        return (
            f"a level of {self.level:.6g} answers {100 * self.coverage:.0f} % of the rows, "
            f"{100 * self.risk:.1f} % of them wrong; of new rows at most {100 * self.bound:.1f} % "
            f"{sure}"
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

    def guarantee(self, at_most: float, confidence: float = 0.95) -> Guarantee:
        r"""Find the largest coverage whose error rate is bounded.

        Coverages of 5 %, 10 %, …, 100 % are tested. They share the error probability
        :math:`\delta = 1 - \text{confidence}` evenly, so the one that is chosen holds.

        Args:
            at_most: The error rate to allow, in (0, 1).
            confidence: Probability that the bound holds, in (0, 1).
        """
        for step in range(COVERAGES, 0, -1):
            level, rows, errors = self.at(step / COVERAGES)
            bound = upper_bound(errors, rows, (1 - confidence) / COVERAGES)
            if bound <= at_most:
                share = rows / len(self.risk)
                return Guarantee(level, share, errors / rows, bound, at_most, confidence)
        return Guarantee(None, 0.0, 0.0, 1.0, at_most, confidence)

    def table(self) -> Table:
        """Return the risk at some coverages, each with a 95 % bound that holds for it alone."""
        found: list[list[Any]] = []
        for coverage in SHOWN:
            level, rows, errors = self.at(coverage)
            share = rows / len(self.risk)
            bound = upper_bound(errors, rows, 0.05)
            found.append([Cell(share, f"{100 * share:.0f} %"), level, rows, errors / rows, bound])
        return Table(["coverage", "level", "rows", "risk", "risk at most"], found)


def require_rate(**rates: float | None) -> None:
    """Raise unless each is a rate in (0, 1), where it is given.

    Raises:
        UsageError: Names it.
    """
    for name, rate in rates.items():
        if rate is not None and not 0 < rate < 1:
            raise UsageError(f"{name} must be a rate between 0 and 1, got {rate!r}.")
