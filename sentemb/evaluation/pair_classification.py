"""Pair classification: are the pairs that belong together the similar ones?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sentemb.errors import InputError
from sentemb.evaluation.cosines import cosine_of_pairs, encoded_once
from sentemb.evaluation.scores import Numbers, Outcome
from sentemb.types import Encode


@dataclass(frozen=True)
class PairClassification:
    """One task of pairs that belong together or not; call it with any encoder's ``encode``.

    Args:
        name: What to call it.
        sentences1: One side of each pair.
        sentences2: The other side.
        labels: Whether they belong together.

    Raises:
        InputError: When all labels are equal.

    Source: Muennighoff et al., 2023, MTEB (arXiv:2210.07316), pair classification with cosines.
    """

    main: ClassVar[str] = "ap"
    unit: ClassVar[str] = "pairs"

    name: str
    sentences1: Sequence[str]
    sentences2: Sequence[str]
    labels: Sequence[bool]

    def __post_init__(self) -> None:
        if len(set(self.labels)) < 2:
            raise InputError(
                f"{self.name}: all {len(self.labels)} pairs are of one class; pairs that belong "
                "together (1) and pairs that do not (0) are needed."
            )

    def __call__(self, encode: Encode) -> dict[str, float]:
        """Return the numbers, × 100 but for the thresholds, which are cosines.

        Returns:
            ``ap``, the average precision; ``accuracy`` and ``f1``, each at the threshold that is
            best for it on these very pairs, which is an upper limit and no held-out result;
            ``accuracy_threshold`` and ``f1_threshold``.
        """
        return self.outcome(encode).numbers

    def outcome(self, encode: Encode) -> Outcome:
        """Return the numbers, with the cosine and the label of each pair."""
        _, (x, y) = encoded_once(encode, self.sentences1, self.sentences2)
        items = np.column_stack([cosine_of_pairs(x, y), np.asarray(self.labels, np.float64)])
        return Outcome(
            {"ap": average_precision(items), **_at_best(items)}, items, average_precision
        )


def average_precision(items: Numbers) -> float:
    r"""Area under precision over recall, as a step function, × 100.

    .. math:: \sum_n (R_n - R_{n-1}) P_n

    Args:
        items: Score and label (1 or 0) of each pair, ``[pairs, 2]``. Equal scores are passed at
            once.

    Returns:
        0 where no label is 1.

    Example:
        >>> average_precision(np.array([[0.9, 1], [0.8, 0], [0.7, 1]])).__round__(2)
        83.33
    """
    _, true, predicted = _passed(items)
    if not items[:, 1].any():
        return 0.0
    gained = np.diff(true, prepend=0.0) / true[-1]
    return 100 * float((gained * true / predicted).sum())


def _passed(items: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return each distinct score from the highest, and the 1s and the pairs at or above it."""
    order = np.argsort(-items[:, 0], kind="stable")
    scores, labels = items[order].T
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    return scores[last], labels.cumsum()[last], last + 1.0


def _at_best(items: Numbers) -> dict[str, float]:
    scores, true, predicted = _passed(items)
    positives = items[:, 1].sum()
    accuracy = (2 * true - predicted + len(items) - positives) / len(items)
    f1 = 2 * true / (predicted + positives)
    between = (scores + np.append(scores[1:], scores[-1])) / 2
    best = {"accuracy": accuracy, "f1": f1}
    return {name: 100 * float(values.max()) for name, values in best.items()} | {
        f"{name}_threshold": float(between[values.argmax()]) for name, values in best.items()
    }
