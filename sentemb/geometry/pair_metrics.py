"""What graded pairs and classes say of a model's vectors."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from sentemb.evaluation import STS
from sentemb.geometry.corpus import Measure, finite_vectors
from sentemb.geometry.measures import tolerance
from sentemb.geometry.ranks import random_pairs
from sentemb.types import Encode

Numbers = NDArray[np.float64]


def pair_metrics(encode: Encode, task: STS) -> tuple[dict[str, Measure], Numbers, Numbers]:
    """Measure graded pairs; returns numbers, and the cosines of positive and of random pairs."""
    scores = task(encode)
    sides = positive_pairs(task)
    distinct = list(dict.fromkeys([*task.sentences1, *task.sentences2]))
    x = F.normalize(finite_vectors(encode, distinct), dim=1)
    i, j = random_pairs(len(distinct))
    random = (x[i] * x[j]).sum(dim=1).numpy()
    measures = {"spearman": Measure(scores["spearman"], len(task.scores), "graded pairs")}
    positive: Numbers = np.empty(0)
    if sides[0]:
        first, second = (F.normalize(finite_vectors(encode, side), dim=1) for side in sides)
        positive = (first * second).sum(dim=1).numpy()
        of = f"pairs graded above {task.positive_above:g}"
        measures["alignment"] = Measure(scores["alignment"], len(positive), of)
        measures["positive_cosine"] = Measure(float(positive.mean()), len(positive), of)
    measures["random_cosine"] = Measure(float(random.mean()), len(random), "random pairs of them")
    measures["uniformity"] = Measure(scores["uniformity"], len(distinct), "sentences of the pairs")
    return measures, positive, random


def positive_pairs(task: STS) -> list[list[str]]:
    """Return the first and the second texts of the pairs graded above `STS.positive_above`."""
    near = np.array(task.scores, dtype=np.float64) > task.positive_above
    return [
        [text for text, is_near in zip(side, near, strict=True) if is_near]
        for side in (task.sentences1, task.sentences2)
    ]


def class_metrics(x: Tensor, labels: Sequence[str]) -> dict[str, Measure]:
    """Measure how near sentences of a class are; nothing where there are no labels."""
    if not len(labels):
        return {}
    number = {label: n for n, label in enumerate(dict.fromkeys(labels))}
    found = tolerance(x, torch.tensor([number[label] for label in labels]))
    return {
        "tolerance": Measure(found.tolerance, found.pairs_within, "pairs of one class"),
        "between_classes": Measure(found.between, found.pairs_between, "pairs of two classes"),
    }
