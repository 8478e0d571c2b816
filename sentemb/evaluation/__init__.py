"""Evaluation: how good are these embeddings, by the protocols of the field."""

from collections.abc import Callable

from sentemb.evaluation.bootstrap import Difference, Interval, bootstrap_average, paired_bootstrap
from sentemb.evaluation.clustering import Clustering
from sentemb.evaluation.pair_classification import PairClassification
from sentemb.evaluation.retrieval import Retrieval
from sentemb.evaluation.scores import Outcome, Task
from sentemb.evaluation.sts import STS
from sentemb.evaluation.text_overlap import token_f1
from sentemb.evaluation.transfer import Labelled, NestedFolds, TrainDevTest, TrainTest
from sentemb.evaluation.triplets import Triplets
from sentemb.evaluation.two_way_retrieval import TwoWayRetrieval
from sentemb.types import Encode

Evaluator = Callable[[Encode], dict[str, float]]
"""Any function of an encoder that returns named numbers is an evaluator."""

__all__ = [
    "STS",
    "Clustering",
    "Difference",
    "Evaluator",
    "Interval",
    "Labelled",
    "NestedFolds",
    "Outcome",
    "PairClassification",
    "Retrieval",
    "Task",
    "TrainDevTest",
    "TrainTest",
    "Triplets",
    "TwoWayRetrieval",
    "bootstrap_average",
    "paired_bootstrap",
    "token_f1",
]
