"""Triplets: is a sentence's paraphrase nearer than what only looks like it?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sentemb.errors import InputError
from sentemb.evaluation.bootstrap import bootstrap_average
from sentemb.evaluation.cosines import cosine_of_pairs, encoded_once
from sentemb.evaluation.scores import Numbers, Outcome
from sentemb.types import Encode


@dataclass(frozen=True)
class Triplets:
    """One task of triplets; call it with any encoder's bound ``encode``.

    Args:
        name: What to call it.
        anchors: A sentence of each triplet.
        positives: The one that is to be nearer to it.
        negatives: The one that is to be farther.
        groups: What each triplet was made from: those of one group stand or fall together, so
            that groups are what an interval draws. By default each is its own.

    Raises:
        InputError: When there is none.

    Example:
        >>> import numpy as np
        >>> vectors = {"a": [1, 0], "b": [1, 1], "c": [0, 1]}
        >>> task = Triplets("letters", ["a", "c"], ["b", "a"], ["c", "b"])
        >>> task(lambda texts: np.array([vectors[text] for text in texts]))["triplet_accuracy"]
        50.0

    Source: this project. sentence-transformers' ``TripletEvaluator`` has the same accuracy.
    """

    main: ClassVar[str] = "triplet_accuracy"
    unit: ClassVar[str] = "groups"

    name: str
    anchors: Sequence[str]
    positives: Sequence[str]
    negatives: Sequence[str]
    groups: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if not self.anchors:
            raise InputError(f"{self.name} holds no triplet.")

    def __call__(self, encode: Encode) -> dict[str, float]:
        """Return the numbers, × 100.

        Returns:
            ``triplet_accuracy``, the share of triplets whose positive is nearer, a tie counting as
            wrong; ``low`` and ``high``, the ends of its 95 % interval.
        """
        return self.outcome(encode).numbers

    def outcome(self, encode: Encode) -> Outcome:
        """Return the numbers, with how many triplets of each group are right, and how many are."""
        _, (x, near, far) = encoded_once(encode, self.anchors, self.positives, self.negatives)
        right = cosine_of_pairs(x, near) > cosine_of_pairs(x, far)
        names = [str(row) for row in range(len(right))] if self.groups is None else self.groups
        _, group = np.unique(np.asarray(names), return_inverse=True)
        counts = np.bincount(group, weights=right), np.bincount(group)
        items = np.column_stack(counts).astype(np.float64)
        found = bootstrap_average([[Outcome({}, items, _share)]])
        numbers = {"triplet_accuracy": found.value, "low": found.low, "high": found.high}
        return Outcome(numbers, items, _share)


def _share(items: Numbers) -> float:
    right, count = items.sum(axis=0)
    return float(100 * right / count)
