"""What an encoder makes of a template alone, which is subtracted from what it makes of a text."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sentemb.encoders.packing import tokens_known
from sentemb.types import Embeddings, Features
from sentemb.views import TokenTemplate


def without_template(
    embed: Callable[[Features], Embeddings],
    embeddings: Embeddings,
    features: Features,
    template: TokenTemplate,
) -> Embeddings:
    r"""Subtract from each embedding what the template alone gives, as PromptBERT does.

    .. math:: h_i - \delta_{L_i}

    where the text of row i has :math:`L_i` tokens, and :math:`\delta_L` is the embedding of the
    template whose words behind the text keep their places behind L tokens that are not attended to.
    The table of all lengths is embedded as the rows are: with dropout, and with gradient.

    Args:
        embed: From tokens to embeddings.
        embeddings: Of a view, ``[batch, dim]``.
        features: The tokens of the view, padded on the right.
        template: That stands around each of its texts.

    Source: Jiang et al., 2022, PromptBERT (arXiv:2201.04337), section 4.2, and the authors' code.
    """
    ids, tokens = _around_nothing(template, features["input_ids"].shape[1])
    alone = {"input_ids": _beside(ids, features), "attention_mask": _beside(tokens * 1, features)}
    alone |= {name: torch.zeros_like(alone["input_ids"]) for name in features if "type" in name}
    with tokens_known(tokens):
        bias = embed(alone)
    lengths = features["attention_mask"].sum(dim=1) - len(template.before) - len(template.after)
    return embeddings - bias[lengths]


def _around_nothing(template: TokenTemplate, width: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the template around 0, 1, … places that are left free, and where its tokens are."""
    before, after = template
    longest, free = width - len(before) - len(after), before[:1]
    ids = [
        [*before, *free * length, *after, *free * (longest - length)]
        for length in range(longest + 1)
    ]
    tokens = np.ones((longest + 1, width), dtype=bool)
    for length, row in enumerate(tokens):
        row[len(before) : len(before) + length] = row[width - longest + length :] = False
    return np.array(ids), tokens


def _beside(array: NDArray[Any], features: Features) -> Tensor:
    """Put an array where the features are, behind what is queued there."""
    tensor = torch.from_numpy(array)
    device = features["input_ids"].device
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
