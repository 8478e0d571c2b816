"""Scores of pairs by a model that reads both texts at once: what `finetune` makes of scores."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import UsageError


def pair_scores(
    model: str | os.PathLike[str],
    pairs: Sequence[tuple[str, str]],
    device: str | None = None,
    batch_size: int = 64,
    max_length: int = 128,
) -> NDArray[np.float64]:
    """Return the score of each pair.

    Args:
        model: A regression on pairs, as ``finetune(..., regression=True)`` leaves it.
        pairs: Two texts each.
        device: As in `sentemb.load`.
        batch_size: Pairs of a forward.
        max_length: Tokens that a pair is cut to.

    Raises:
        UsageError: When the model gives labels.
        InputError: When it is not a classifier.
    """
    from datasets import Dataset

    from sentemb.datasets.inputs import Inputs
    from sentemb.finetuning.predict import predictions

    if not pairs:
        return np.empty(0)
    first, second = map(list, zip(*pairs, strict=True))
    texts = Dataset.from_dict({"sentence1": first, "sentence2": second})
    rows = predictions(model, Inputs(texts), batch_size, max_length, device).rows
    if "label" in rows[0]:
        raise UsageError(
            f"Model '{model}' gives labels, and scores of pairs are needed: fine-tune a regression "
            "(`regression=True`)."
        )
    return np.array([np.nan if row["score"] is None else row["score"] for row in rows])
