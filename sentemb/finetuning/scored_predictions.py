"""`Predictions`: what a classifier says of rows, and how far it is right if they are labelled."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
)

from sentemb.errors import UsageError
from sentemb.finetuning.metrics import regression
from sentemb.inert import inert
from sentemb.table import Table

if TYPE_CHECKING:
    import pandas

MOST_CLASSES = 12
"""A matrix of more classes is not shown as text."""
MOST_COUNTED = 6


@dataclass(frozen=True)
class Scores:
    """How far answers are right.

    Args:
        metrics: Of classes ``accuracy``, ``f1_macro`` and ``mcc``; of a regression ``pearson``,
            ``spearman`` and ``mse``.
        rows: Rows with text and a label or score, on which they are measured.
        per_class: Precision, recall, F1 and support of each class, and their averages; None of a
            regression.
        confusion: Rows of each true class by predicted class; None of a regression.
    """

    metrics: dict[str, float]
    rows: int
    per_class: Table | None = None
    confusion: Table | None = None


@dataclass(frozen=True, repr=False)
class Predictions:
    """What a classifier says of rows. Printing it shows a summary, and the scores if there are any.

    Args:
        rows: Each row in order: its ``id`` where the data has one, its text or texts, its own
            ``true_label`` or ``true_score`` where the data has one, and the answer: ``label`` and
            ``probability``, or ``score``; None where a text of the row is blank.
        empty_rows: Rows with a blank text.
        truncated_rows: Rows that were cut.
        unknown_rows: Rows with a token that the tokenizer does not know.
        scores: How far the answers are right; None where no row has a label or score.
    """

    rows: list[dict[str, Any]]
    empty_rows: int
    truncated_rows: int
    unknown_rows: int
    scores: Scores | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics by name; none where no row has a label or score."""
        return self.scores.metrics if self.scores else {}

    @property
    def per_class(self) -> Table | None:
        """Precision, recall, F1 and support of each class."""
        return self.scores.per_class if self.scores else None

    @property
    def confusion(self) -> Table | None:
        """Rows of each true class by predicted class."""
        return self.scores.confusion if self.scores else None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __repr__(self) -> str:
        """Return how many rows got which answer, and the scores."""
        return "\n\n".join([inert(self._counted()), *self._scored()])

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the rows as a data frame.

        Raises:
            UsageError: When pandas is not installed.
        """
        columns = list(self.rows[0]) if self.rows else []
        return Table(columns, [list(row.values()) for row in self.rows]).to_pandas()

    def plot(self, path: str | Path) -> Path:
        """Draw the confusion matrix. Needs matplotlib.

        Args:
            path: Of the picture: .png, .pdf or .svg.

        Raises:
            UsageError: When there is none: the rows have no labels, or the model is a regression.
        """
        from sentemb.plotting import require_matplotlib

        if self.confusion is None:
            raise UsageError(
                "A confusion matrix needs labelled rows and a model of classes: name the column of "
                "the labels with `label_column`."
            )
        require_matplotlib()
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        from sentemb.plotting.confusion import draw_confusion

        counts = np.array([row[1:] for row in self.confusion.rows], dtype=np.int64)
        return draw_confusion(list(self.confusion.columns[1:]), counts, Path(path))

    def _counted(self) -> str:
        """Say how many rows got which answer."""
        blank = f"; {self.empty_rows:,} without text" if self.empty_rows else ""
        numbers = [row["score"] for row in self.rows if row.get("score") is not None]
        if numbers:
            words = f"scores {min(numbers):.4f} to {max(numbers):.4f}, mean {np.mean(numbers):.4f}"
            return f"{len(self.rows):,} rows: {words}{blank}"
        found = Counter(row["label"] for row in self.rows if row.get("label") is not None)
        most = [f"{count:,} {label}" for label, count in found.most_common(MOST_COUNTED)]
        more = len(found) - len(most)
        words = ", ".join(most) + (f" and {more} more classes" if more > 0 else "")
        return f"{len(self.rows):,} rows{': ' * bool(words)}{words}{blank}"

    def _scored(self) -> list[str]:
        if self.scores is None:
            return []
        numbers = ", ".join(f"{name} {value:.4f}" for name, value in self.metrics.items())
        shown = [f"on {self.scores.rows:,} rows with a label or score: {numbers}"]
        if self.per_class is not None and self.confusion is not None:
            few = len(self.confusion.rows) <= MOST_CLASSES
            shown += [repr(self.per_class), *([repr(self.confusion)] if few else [])]
        return shown


def score_classes(true: Sequence[str], predicted: Sequence[str], classes: Sequence[str]) -> Scores:
    r"""Compare predicted classes with the true ones, by scikit-learn.

    Args:
        true: Class of each row.
        predicted: Likewise.
        classes: Those of the model; a class of ``true`` that is none of them comes after them.

    Example:
        >>> score_classes(["a", "b", "b"], ["a", "a", "b"], ["a", "b"]).confusion
        true \ predicted  a  b
        a                 1  0
        b                 1  1
    """
    names = list(dict.fromkeys([*classes, *sorted(set(true))]))
    metrics = {
        "accuracy": float(accuracy_score(true, predicted)),
        "f1_macro": float(f1_score(true, predicted, average="macro", zero_division=0)),
        "mcc": float(matthews_corrcoef(true, predicted)),
    }
    each = precision_recall_fscore_support(true, predicted, labels=names, zero_division=0)
    rows = [
        [name, *(float(values[at]) for values in each[:3]), int(each[3][at])]
        for at, name in enumerate(names)
    ]
    for average in ("macro", "weighted"):
        *values, _ = precision_recall_fscore_support(
            true, predicted, average=average, zero_division=0
        )
        rows.append([f"{average} average", *map(float, values), len(true)])
    counts = confusion_matrix(true, predicted, labels=names).tolist()
    return Scores(
        metrics,
        len(true),
        Table(["label", "precision", "recall", "f1", "support"], rows),
        Table(
            ["true \\ predicted", *names],
            [[name, *row] for name, row in zip(names, counts, strict=True)],
        ),
    )


def score_numbers(true: Sequence[float], predicted: Sequence[float]) -> Scores | None:
    """Compare scores with the true ones; None where these are all equal.

    Example:
        >>> score_numbers([1.0, 2.0, 3.0], [1.0, 2.0, 4.0]).metrics["spearman"]
        1.0
    """
    if len(set(true)) < 2:
        return None
    return Scores(regression(np.array(predicted), np.array(true)), len(true))
