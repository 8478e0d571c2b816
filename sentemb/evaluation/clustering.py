"""Clustering: do k-means clusters of the embeddings match the labels?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sentemb.errors import InputError
from sentemb.evaluation.scores import Numbers, Outcome
from sentemb.types import Encode

RUNS = 10
"""k-means ends elsewhere from every start; the mean of so many is taken."""
BATCH = 512


@dataclass(frozen=True)
class Clustering:
    """One clustering task; call it with any encoder's bound ``encode``.

    Mini-batch k-means, with as many clusters as there are labels.

    Args:
        name: What to call it.
        texts: What is clustered.
        labels: Of each text.

    Raises:
        InputError: When all labels are the same.

    Source: Muennighoff et al., 2023, MTEB (arXiv:2210.07316). Deviation: every text is clustered,
        from ten starts, where MTEB draws samples.
    """

    main: ClassVar[str] = "v_measure"
    unit: ClassVar[str] = "texts"

    name: str
    texts: Sequence[str]
    labels: Sequence[str]

    def __post_init__(self) -> None:
        if len(set(self.labels)) < 2:
            raise InputError(
                f"{self.name}: all {len(self.labels)} texts have one label; at least 2 labels are "
                "needed."
            )

    def __call__(self, encode: Encode) -> dict[str, float]:
        """Return ``v_measure`` × 100, the mean over the runs, and their ``v_measure_sd``."""
        return self.outcome(encode).numbers

    def outcome(self, encode: Encode) -> Outcome:
        """Return the numbers, with the label of each text and its cluster in every run."""
        from sklearn.cluster import MiniBatchKMeans

        vectors = encode(list(self.texts))
        classes, labels = np.unique(np.asarray(self.labels), return_inverse=True)
        runs = [
            MiniBatchKMeans(len(classes), batch_size=BATCH, n_init=1, random_state=seed)
            .fit(vectors)
            .labels_
            for seed in range(RUNS)
        ]
        items = np.column_stack([labels, *runs]).astype(np.float64)
        each = _v_measures(items)
        numbers = {"v_measure": float(each.mean()), "v_measure_sd": float(each.std(ddof=1))}
        return Outcome(numbers, items, _mean_v_measure)


def _v_measures(items: Numbers) -> Numbers:
    r"""V-measure of each run, × 100: the harmonic mean of homogeneity and completeness.

    .. math:: V = \frac{2 I(L; C)}{H(L) + H(C)}

    Source: Rosenberg & Hirschberg, 2007.
    """
    from sklearn.metrics import v_measure_score

    labels, *runs = items.astype(int).T
    return np.array([100 * v_measure_score(labels, run) for run in runs])


def _mean_v_measure(items: Numbers) -> float:
    return float(_v_measures(items).mean())
