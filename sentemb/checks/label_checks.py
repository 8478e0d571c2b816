"""What is wrong with labels and scores."""

import math
from collections import Counter
from typing import Any

from sentemb.checks.problem import Problem, of_rows
from sentemb.datasets.faults import Found
from sentemb.datasets.labels import label_of, score_of
from sentemb.errors import InputError

UNEVEN = 0.05
"""The least share of the largest class that a class should have."""
SCALE = (0.0, 5.0)
"""Of semantic textual similarity."""
MOST = 20
"""Labels that may all differ, in a file of as many rows."""


class LabelChecks:
    """Looks at the label of each row."""

    def __init__(self) -> None:
        self.classes: Counter[str] = Counter()
        self._missing, self._wrong = Found(), Found()

    def add(self, number: int, row: dict[str, Any], column: str) -> str | None:
        """Look at a label; return it as it is read, None where there is none."""
        try:
            label = label_of(row, column, "", number)
        except InputError:
            self._wrong.add(number)
            return None
        if label is None:
            self._missing.add(number)
        else:
            self.classes[label] += 1
        return label

    def problems(self) -> list[Problem]:
        """Return what is wrong with all that were added."""
        found = [
            *of_rows("no_label", "note", self._missing, "no label (blank, -, -1, nan): left out"),
            *of_rows("label_type", "error", self._wrong, "the label is not a text or whole number"),
        ]
        if not self.classes:
            none = Problem("no_labels", "error", "no row has a label")
            return [*found, none] if self._missing.rows else found
        total = self.classes.total()
        (largest, most), (smallest, fewest) = (self.classes.most_common()[i] for i in (0, -1))
        if len(self.classes) == 1:
            found.append(Problem("one_class", "error", f"all labels are '{largest}'"))
        elif len(self.classes) > max(MOST, total / 2):
            message = f"{len(self.classes):,} labels in {total:,} rows: scores are called score"
            found.append(Problem("many_classes", "error", message))
        elif fewest < UNEVEN * most:
            message = f"uneven: {most:,} rows of '{largest}', {fewest:,} of '{smallest}'"
            found.append(Problem("uneven_classes", "note", message))
        return found


class ScoreChecks:
    """Looks at the score of each row."""

    def __init__(self) -> None:
        self._missing, self._wrong, self._outside = Found(), Found(), Found()
        self._rows, self._least, self._most = 0, math.inf, -math.inf

    def add(self, number: int, row: dict[str, Any], column: str) -> None:
        """Look at a score."""
        try:
            score = score_of(row, column, "", number)
        except InputError:
            self._wrong.add(number)
            return
        if score is None:
            self._missing.add(number)
            return
        self._rows += 1
        self._least, self._most = min(self._least, score), max(self._most, score)
        if not SCALE[0] <= score <= SCALE[1]:
            self._outside.add(number)

    def problems(self) -> list[Problem]:
        """Return what is wrong with all that were added."""
        found = [
            *of_rows("not_finite", "error", self._wrong, "the score is not a finite number"),
            *of_rows("no_score", "note", self._missing, "no score: left out"),
            *of_rows("out_of_scale", "note", self._outside, "the score is not in 0 to 5"),
        ]
        if self._rows and self._least == self._most:
            found.append(Problem("one_score", "error", f"all scores are {self._least:g}"))
        if self._missing.rows and not self._rows:
            found.append(Problem("no_scores", "error", "no row has a score"))
        return found
