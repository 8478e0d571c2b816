"""Evaluation: how good are these embeddings, by the protocols of the field."""

from collections.abc import Callable

from sentemb.evaluation.sts import STS
from sentemb.types import Encode

Evaluator = Callable[[Encode], dict[str, float]]
"""Any function of an encoder that returns named numbers is an evaluator."""

__all__ = ["STS", "Evaluator"]
