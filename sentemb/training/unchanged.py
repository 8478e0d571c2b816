"""Views that leave sentences as they are: a warning before the first step."""

import logging
from collections.abc import Iterator
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor

from sentemb.encoders.embedding import KEYS
from sentemb.method import Method
from sentemb.training.collator import Collator
from sentemb.training.rows import NumberedRows
from sentemb.types import Features
from sentemb.views import Adversarial, Draws, View

logger = logging.getLogger("sentemb")

ROWS = 256
"""Rows that are looked at, the first of the data."""
AT_ONCE = 32
MOST = 0.5
"""Share of unchanged rows above which a view is warned about."""


@torch.no_grad()
def warn_of_unchanged(method: Method, rows: Dataset, collator: Collator) -> None:
    """Warn of each view that leaves most of the first rows as they are."""
    looked_at: list[View] = []
    for number, view in enumerate(method.views, start=1):
        stages = [view.edit, view.edit_tokens, view.order, view.perturb]
        if not any(stages) or view in looked_at:
            continue
        looked_at.append(view)
        share, count = unchanged_share(view, rows, collator)
        if share > MOST:
            names = " and ".join(type(stage).__name__ for stage in stages if stage is not None)
            logger.warning(
                "View %d (%s) leaves %.0f %% of the first %d rows as they are, so it adds little "
                "to dropout: raise its rate, or use a view that suits these texts.",
                number,
                names,
                100 * share,
                count,
            )


def unchanged_share(view: View, rows: Dataset, collator: Collator) -> tuple[float, int]:
    """Return the share of the first rows that reach the encoder as they are, and of how many.

    Tokens are compared, so an edit that the tokenizer does not see changes nothing. What an
    adversarial view adds depends on the loss, and is taken for a change.
    """
    first = NumberedRows(rows.select(range(min(len(rows), ROWS))))
    unchanged = 0
    for start in range(0, len(first), AT_ONCE):
        some = first.__getitems__(list(range(start, min(start + AT_ONCE, len(first)))))
        clean, seen = (_features(each, some, collator) for each in (View(view.column), view))
        changed = torch.tensor([a != b for a, b in zip(_ids(clean), _ids(seen), strict=True)])
        unchanged += int((~(changed | _moved(view, seen, _width(collator)))).sum())
    return unchanged / len(first), len(first)


def _features(view: View, rows: list[dict[str, Any]], collator: Collator) -> Features:
    alone = Collator(collator.encoder, (view,), collator.max_length, collator.seed)
    features: Features = alone(rows)["views"][0]
    return features


def _ids(features: Features) -> Iterator[list[int]]:
    for ids, mask in zip(features["input_ids"], features["attention_mask"], strict=True):
        yield ids[mask.bool()].tolist()


def _moved(view: View, features: Features, width: int) -> Tensor:
    """Say of which rows an order or a perturbation changes anything."""
    mask, draws = features["attention_mask"].bool(), Draws(features[KEYS])
    moved = torch.full((len(mask),), isinstance(view.perturb, Adversarial))
    if view.order is not None:
        places = torch.arange(mask.shape[1])
        moved |= ((view.order(mask, draws) != places) & mask).any(dim=1)
    if view.perturb is not None:
        ones = torch.ones(*mask.shape, width)
        moved |= (view.perturb(ones, mask, draws) != ones).flatten(1).any(dim=1)
    return moved


def _width(collator: Collator) -> int:
    return int(collator.encoder.get_embedding_dimension() or 1)
