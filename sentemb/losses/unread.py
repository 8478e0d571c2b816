"""What pairs hold and a loss does not read."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.combine import Loss, total
from sentemb.pairs import OffDropoutPairs, Pairs

OF_NEGATIVES = ("negatives", "teacher_negatives", "present", "own", "texts", "partners")


@torch.no_grad()
def unread(loss: Loss, pairs: Pairs) -> list[str]:
    """Return which of negatives, labels and clean embeddings are there and change nothing.

    ``own`` are those of a queue that stand beside the rows' own hard negatives.

    Each is tried with two contents that every loss which reads it tells apart.
    """
    none: dict[str, Any] = dict.fromkeys(OF_NEGATIVES)
    bare = replace(pairs, **none)
    tried: dict[str, tuple[Pairs, Pairs]] = {}
    if pairs.negatives is not None:
        tried["negatives"] = bare, replace(bare, negatives=pairs.anchor)
    owners = pairs.rows_of_negatives()
    if pairs.own is not None and pairs.negatives is not None and owners is not None:
        near = pairs.anchor[:1].expand_as(pairs.negatives)
        plain, queued = replace(pairs, texts=None, partners=None), (owners == -1)[:, None]
        one, other = (torch.where(queued, x, pairs.negatives) for x in (near, -near))
        tried["own"] = replace(plain, negatives=one), replace(plain, negatives=other)
    if pairs.labels is not None:
        same = torch.zeros_like(pairs.labels)
        differing = same.clone()
        differing[::2] = 1
        tried["labels"] = replace(pairs, labels=same), replace(pairs, labels=differing)
    if isinstance(pairs, OffDropoutPairs):
        ones = torch.ones_like(pairs.anchor)
        tried["clean"] = replace(pairs, clean=pairs.anchor), replace(pairs, clean=ones)
    return [name for name, (one, other) in tried.items() if _same(loss, one, other)]


def _same(loss: Loss, one: Pairs, other: Pairs) -> bool:
    try:
        first: Tensor = total(loss(one))
        return bool(torch.equal(first, total(loss(other))))
    except UsageError:  # it looked, and refuses what it saw
        return False
