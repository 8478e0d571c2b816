"""The loss of BYOL and SimSiam: no negatives at all."""

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class NegativeCosine:
    r"""Minus the mean cosine of matching embeddings.

    .. math:: -\frac1N \sum_i \cos(p_i, z_i)

    BYOL's 2 − 2 cos is 2 + 2 times this. Nothing pushes embeddings apart, so a twin that trains
    both sides alike collapses: the positives must carry no gradient, and the anchors come from a
    predictor.

    Needs: pairs of a twin with a predictor, whose positives are detached.

    Use it: with small batches, or where no other sentence is a fair negative.

    Raises:
        UsageError: When the positives carry a gradient.

    Source: Chen and He, 2021, SimSiam (arXiv:2011.10566), equation 1; Grill et al., 2020, BYOL
        (arXiv:2006.07733), equation 2.

    Example:
        >>> import torch
        >>> NegativeCosine()(Pairs(torch.eye(2), torch.eye(2)))
        tensor(-1.)
    """

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the batch, a scalar."""
        if pairs.positive.requires_grad:
            raise UsageError(
                "NegativeCosine has no negatives: with gradients on both sides all sentences "
                "would collapse to one point. Use a twin with a predictor, whose positives are "
                "detached."
            )
        return -F.cosine_similarity(pairs.anchor, pairs.positive).mean()
