"""`Classified`: the labels of texts, where a model abstains, and how often it is wrong."""

import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sentemb.errors import UsageError
from sentemb.finetuning.scored_predictions import MOST_CLASSES, Scores
from sentemb.inert import inert
from sentemb.table import Table
from sentemb.tasks.abstaining import Guarantee, RiskCoverage

if TYPE_CHECKING:
    import pandas

AbstainBy = Literal["margin", "probability"]
"""What confidence is: the lead of the best label over the second, or its probability."""


@dataclass(frozen=True, repr=False)
class Classified:
    """Labels of texts. Printing it shows a summary, and how often labels are wrong, where known.

    Args:
        rows: Each row in order: its ``id`` where the data has one, its ``text``, its
            ``true_label`` where the data has one, and the answer: ``label``, its ``score`` (the
            confidence), and ``abstained``.
        labels: All labels.
        abstain_by: What the score is.
        level: Rows with a score below it abstain, all of them where it is infinite; None where none
            does.
        scores: How far all labels are right; None where the data has no labels.
        risk: Risk by coverage; None where the data has no labels.
        guarantee: The level that was looked for; None where no error rate was given.
    """

    rows: list[dict[str, Any]]
    labels: Sequence[str]
    abstain_by: AbstainBy
    level: float | None = None
    scores: Scores | None = None
    risk: RiskCoverage | None = None
    guarantee: Guarantee | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __repr__(self) -> str:
        """Return how many rows have which label, and how often labels are wrong."""
        return "\n\n".join([inert(self._counted()), *self._scored()])

    @property
    def metrics(self) -> dict[str, float]:
        """Numbers of the rows with a true label, by name; none where no row has one.

        ``accuracy``, ``f1_macro`` and ``mcc`` of all of them; ``aurc``; and of those that are
        answered, ``coverage`` and ``risk``.
        """
        if self.scores is None or self.risk is None:
            return {}
        known = [row for row in self.rows if row["true_label"] is not None]
        answered = [row for row in known if not row["abstained"]]
        wrong = sum(row["label"] != row["true_label"] for row in answered)
        found = {"aurc": self.risk.aurc, "coverage": len(answered) / len(known)}
        return {**self.scores.metrics, **found, "risk": wrong / max(len(answered), 1)}

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the rows as a data frame.

        Raises:
            UsageError: When pandas is not installed.
        """
        return Table(list(self.rows[0]), [list(row.values()) for row in self.rows]).to_pandas()

    def to_dict(self) -> dict[str, Any]:
        """Return all but the rows, as JSON has it."""
        return {
            "rows": len(self.rows),
            "labels": list(self.labels),
            "abstained": sum(row["abstained"] for row in self.rows),
            "abstain_by": self.abstain_by,
            "level": None if self.level == math.inf else self.level,
            "metrics": self.metrics,
            "per_class": list(self.scores.per_class or []) if self.scores else [],
            "risk_coverage": list(self.risk.table()) if self.risk else [],
            "guarantee": asdict(self.guarantee) if self.guarantee else None,
        }

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw the risk of answering by the share of rows that are answered. Needs matplotlib.

        Args:
            path: Of the picture: .png, .pdf or .svg.

        Raises:
            UsageError: When the data has no labels, or matplotlib is not installed.
        """
        from sentemb.plotting import require_matplotlib

        if self.risk is None:
            raise UsageError(
                "A risk-coverage curve needs labelled rows: name the column of the labels with "
                "`label_column`."
            )
        require_matplotlib()
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        from sentemb.plotting.risk_coverage import draw_risk

        return draw_risk(self.risk.risk, self.metrics["coverage"], Path(path))

    def _counted(self) -> str:
        found = Counter(row["label"] for row in self.rows if not row["abstained"])
        counts = [f"{count:,} {label}" for label, count in found.most_common(MOST_CLASSES)]
        abstained = len(self.rows) - found.total()
        if self.level is not None:
            counts.append(f"{abstained:,} abstained ({self.abstain_by} below {self.level:.6g})")
        return f"{len(self.rows):,} rows: {', '.join(counts)}"

    def _scored(self) -> list[str]:
        if self.scores is None or self.risk is None:
            return []
        numbers = ", ".join(f"{name} {value:.4f}" for name, value in self.metrics.items())
        found = [f"on {self.scores.rows:,} rows with a label: {numbers}", repr(self.risk.table())]
        return [*found, *([str(self.guarantee)] if self.guarantee else [])]
