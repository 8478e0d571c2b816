"""Transfer: what does a logistic regression read out of frozen embeddings?"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import InputError
from sentemb.evaluation.scores import Numbers, Outcome
from sentemb.types import Encode, Vectors

FOLDS = 10
SEED = 1111
"""SentEval's, of the order in which rows go into folds."""
LEAST = 12
"""Rows of a label: with fewer, a fold within a fold has none."""
WEAK = tuple(2.0**power for power in range(-2, 4))
"""SentEval's inverse strengths of regularisation for nested folds and for a dev set."""
STRONG = tuple(2.0**power for power in range(-1, 6))
"""And for folds of the training rows."""
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Labelled:
    """Labelled texts, or pairs of texts.

    Args:
        texts: One a row.
        labels: One a row.
        others: The second texts of pairs.
    """

    texts: Sequence[str]
    labels: Sequence[str]
    others: Sequence[str] | None = None

    def features(self, encode: Encode) -> Vectors:
        r"""Return the embeddings; of pairs :math:`[\lvert u - v \rvert, u \odot v]`."""
        u = encode(list(self.texts))
        if self.others is None:
            return u
        v = encode(list(self.others))
        return np.hstack([np.abs(u - v), u * v])


@dataclass(frozen=True)
class _Transfer(ABC):
    """A logistic regression on frozen embeddings; what it is chosen by, the protocols say."""

    main: ClassVar[str] = "accuracy"
    unit: ClassVar[str] = "rows"

    name: str
    train: Labelled

    def __post_init__(self) -> None:
        classes, counts = np.unique(np.asarray(self.train.labels), return_counts=True)
        if len(classes) < 2:
            raise InputError(
                f"{self.name}: all {len(self.train.labels)} rows have one label; at least 2 "
                "labels are needed."
            )
        if counts.min() < LEAST:
            raise InputError(
                f"{self.name}: label '{classes[counts.argmin()]}' has {counts.min()} rows; "
                f"{FOLDS} folds need at least {LEAST} of each label."
            )

    def __call__(self, encode: Encode) -> dict[str, float]:
        """Return ``accuracy``, and of pairs with two labels ``f1`` of the second, × 100."""
        return self.outcome(encode).numbers

    def outcome(self, encode: Encode) -> Outcome:
        """Return the numbers, with the predicted and the true label of each scored row."""
        items = np.column_stack(self._predicted(encode)).astype(np.float64)
        numbers = {"accuracy": _accuracy(items)}
        if self.train.others is not None and len(set(self.train.labels)) == 2:
            numbers["f1"] = _f1(items)
        return Outcome(numbers, items, _accuracy)

    @abstractmethod
    def _predicted(self, encode: Encode) -> tuple[Labels, Labels]:
        """Return the predicted and the true label of each scored row."""

    def _numbers(self, rows: Labelled) -> Labels:
        classes = {label: number for number, label in enumerate(sorted(set(self.train.labels)))}
        unknown = [label for label in rows.labels if label not in classes]
        if unknown:
            raise InputError(f"{self.name}: no training row has the label '{unknown[0]}'.")
        return np.array([classes[label] for label in rows.labels])


@dataclass(frozen=True)
class NestedFolds(_Transfer):
    """SentEval's protocol of MR, CR, SUBJ and MPQA, which have no test set.

    Each of ten folds is predicted from the other nine, on which ten further folds choose the
    regularisation among 2⁻² … 2³. All rows are scored.

    Args:
        name: What to call it.
        train: The rows.

    Raises:
        InputError: When there are fewer than two labels, or fewer than twelve rows of one.

    Source: Conneau & Kiela, 2018, SentEval (arXiv:1803.05449). Deviation: accuracy is computed
        over all rows together, not as the mean over folds, which differs in the second decimal.
    """

    def _predicted(self, encode: Encode) -> tuple[Labels, Labels]:
        from sklearn.model_selection import cross_val_predict

        labels = self._numbers(self.train)
        found = cross_val_predict(
            _chosen_by_folds(WEAK), self.train.features(encode), labels, cv=_folds()
        )
        return found, labels


@dataclass(frozen=True)
class TrainTest(_Transfer):
    """SentEval's protocol of TREC and MRPC: ten folds of the training rows choose among 2⁻¹ … 2⁵.

    Args:
        name: What to call it.
        train: What is trained on.
        test: What is scored.

    Raises:
        InputError: As in `NestedFolds`.

    Source: Conneau & Kiela, 2018, SentEval (arXiv:1803.05449).
    """

    test: Labelled

    def _predicted(self, encode: Encode) -> tuple[Labels, Labels]:
        chosen = _chosen_by_folds(STRONG)
        chosen.fit(self.train.features(encode), self._numbers(self.train))
        return chosen.predict(self.test.features(encode)), self._numbers(self.test)


@dataclass(frozen=True)
class TrainDevTest(_Transfer):
    """SentEval's protocol of SST2: a dev set chooses among 2⁻² … 2³.

    Args:
        name: What to call it.
        train: What is trained on.
        dev: What chooses the regularisation.
        test: What is scored.

    Raises:
        InputError: As in `NestedFolds`.

    Source: Conneau & Kiela, 2018, SentEval (arXiv:1803.05449).
    """

    dev: Labelled
    test: Labelled

    def _predicted(self, encode: Encode) -> tuple[Labels, Labels]:
        train, labels = self.train.features(encode), self._numbers(self.train)
        dev, dev_labels = self.dev.features(encode), self._numbers(self.dev)
        fitted = [_regression(inverse).fit(train, labels) for inverse in WEAK]
        best = max(fitted, key=lambda one: float(one.score(dev, dev_labels)))
        return best.predict(self.test.features(encode)), self._numbers(self.test)


def _regression(inverse_strength: float = 1.0) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=inverse_strength, max_iter=1000)


def _folds() -> Any:
    from sklearn.model_selection import StratifiedKFold

    return StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)


def _chosen_by_folds(grid: tuple[float, ...]) -> Any:
    from sklearn.model_selection import GridSearchCV

    return GridSearchCV(_regression(), {"C": grid}, cv=_folds())


def _accuracy(items: Numbers) -> float:
    return 100 * float((items[:, 0] == items[:, 1]).mean())


def _f1(items: Numbers) -> float:
    predicted, true = (items == 1).T
    return 200 * float((predicted & true).sum()) / float(max(predicted.sum() + true.sum(), 1))
