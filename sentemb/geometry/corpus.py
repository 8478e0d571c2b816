"""What a model is looked at with, and what is found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sentemb.errors import InputError, NumericError
from sentemb.evaluation import STS
from sentemb.types import Encode

MOST = 5000
"""Sentences that are looked at, drawn where there are more: pairs grow with their square."""
FEWEST = 8
"""A quarter of them is a pair."""


@dataclass(frozen=True)
class Measure:
    """A number, and how many of what it is of.

    Args:
        value: None where it does not exist, as the correlation with a length that is always 1.
        n: How many.
        of: Of what.
    """

    value: float | None
    n: int
    of: str


@dataclass(frozen=True)
class Corpus:
    """What a model is looked at with.

    Args:
        name: Of the sentences, in the words of an error.
        sentences: Of one's own; each distinct one counts once, and at most 5,000 are drawn.
        task: Graded pairs.
        texts: Labelled sentences; may be empty.
        labels: Their classes.

    Raises:
        InputError: When there are fewer than eight distinct sentences.
    """

    name: str
    sentences: Sequence[str]
    task: STS
    texts: Sequence[str] = ()
    labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        distinct = list(dict.fromkeys(self.sentences))
        if len(distinct) < FEWEST:
            raise InputError(
                f"{self.name} has {len(distinct)} distinct sentences; geometry needs at least "
                f"{FEWEST}: give more."
            )
        order = np.random.default_rng(0).permutation(len(distinct))[:MOST]
        object.__setattr__(self, "sentences", [distinct[row] for row in order])


def finite_vectors(encode: Encode, texts: list[str]) -> Tensor:
    """Embed texts, in float64.

    Raises:
        NumericError: When a vector is not finite.
    """
    vectors = torch.from_numpy(np.asarray(encode(texts), dtype=np.float64))
    wrong = int((~vectors.isfinite().all(dim=1)).sum())
    if wrong:
        raise NumericError(
            f"the vectors of {wrong:,} of {len(texts):,} sentences are not finite: the model's "
            "weights are damaged."
        )
    return vectors
