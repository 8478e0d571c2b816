r"""The quantity that the InfoNCE family shares.

.. math:: \log \xi_i = \log \sum_{j \in N(i)} e^{s_{ij} - s_{i+}}, \qquad s = \cos / \tau

InfoNCE is :math:`\log(1 + \xi)`, FlatNCE is :math:`\log \xi`. Written so, InfoNCE keeps its
gradient in float32 where the softmax form has rounded it away (Chen et al., 2021,
arXiv:2107.01152).
"""

import math

import torch
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.functional import cosine
from sentemb.pairs import Pairs


def check_temperature(temperature: float) -> None:
    """Raise unless the temperature is a positive, finite number."""
    if not (math.isfinite(temperature) and temperature > 0):
        raise UsageError(f"temperature must be a positive number, got {temperature}.")


def log_xi_one_way(pairs: Pairs, temperature: float, hard_negative_weight: float = 1.0) -> Tensor:
    r"""Return log ξ of each anchor against all positives and negatives, shape ``[batch]``.

    Args:
        pairs: The anchors are contrasted with the other anchors' positives and all negatives.
        temperature: τ.
        hard_negative_weight: α, multiplies :math:`e^s` of an anchor's own hard negative.

    Raises:
        UsageError: When there is nothing to contrast with, or α meets negatives that are not
            one for each anchor.
    """
    _need_a_negative(pairs)
    similarities = cosine(pairs.anchor, pairs.positive) / temperature
    positive = similarities.diagonal().unsqueeze(1)
    others = _without_diagonal(similarities - positive)
    if pairs.negatives is None and hard_negative_weight != 1.0:
        raise UsageError(
            f"hard_negative_weight {hard_negative_weight} needs hard negatives: give a column of "
            "them, or leave it at 1."
        )
    if pairs.negatives is not None:
        hard = cosine(pairs.anchor, pairs.negatives) / temperature
        if hard_negative_weight != 1.0:
            hard = hard + _log_weight_of_own(hard, hard_negative_weight)
        others = torch.cat([others, hard - positive], dim=1)
    return others.logsumexp(dim=1)


def log_xi_two_views(pairs: Pairs, temperature: float) -> Tensor:
    """Return log ξ of all 2N rows, each against the 2N − 2 others and all negatives.

    Shape ``[2 * batch]``: first the anchors, then the positives.

    Raises:
        UsageError: When there is nothing to contrast with.
    """
    _need_a_negative(pairs)
    rows = torch.cat([pairs.anchor, pairs.positive])
    similarities = cosine(rows, rows) / temperature
    partner = torch.arange(len(rows), device=rows.device).roll(len(pairs.anchor)).unsqueeze(1)
    positive = similarities.gather(1, partner)
    others = _without_diagonal(similarities - positive).scatter(1, partner, -torch.inf)
    if pairs.negatives is not None:
        others = torch.cat([others, cosine(rows, pairs.negatives) / temperature - positive], dim=1)
    return others.logsumexp(dim=1)


def _need_a_negative(pairs: Pairs) -> None:
    if len(pairs.anchor) < 2 and pairs.negatives is None:
        raise UsageError(
            "A batch of 1 pair has no negative to contrast with: use a batch of 2 or more, "
            "or give negatives."
        )


def _without_diagonal(matrix: Tensor) -> Tensor:
    own = torch.eye(len(matrix), dtype=torch.bool, device=matrix.device)
    return matrix.masked_fill(own, -torch.inf)


def _log_weight_of_own(hard: Tensor, weight: float) -> Tensor:
    if hard.shape[0] != hard.shape[1]:
        raise UsageError(
            f"hard_negative_weight {weight} needs one negative for each anchor, "
            f"got {hard.shape[1]} for {hard.shape[0]}."
        )
    own = torch.eye(len(hard), dtype=hard.dtype, device=hard.device)
    return math.log(weight) * own
