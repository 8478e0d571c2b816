r"""Similarities of some rows, and the sum that the losses with a softmax share.

.. math:: \log \xi_i = \log \sum_{j \in N(i)} e^{(s_{ij} - s_{i+}) / \tau}

InfoNCE is :math:`\log(1 + \xi)`, FlatNCE is :math:`\log \xi`. Written so, InfoNCE keeps its
gradient in float32 where the softmax form has rounded it away (Chen et al., 2021,
arXiv:2107.01152).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from sentemb.types import Similarities


@dataclass(frozen=True)
class Block:
    """Similarities of some rows.

    Args:
        positive: Of each row and its positive, shape ``[rows]``.
        candidates: Of each row and every candidate, shape ``[rows, candidates]``.
        is_negative: Which candidates are negatives of which row, same shape.
        number: The number of each row in its contrast, shape ``[rows]``.
    """

    positive: Tensor
    candidates: Similarities
    is_negative: Tensor
    number: Tensor

    def log_xi(self, temperature: float | Tensor, log_weights: Tensor | float = 0.0) -> Tensor:
        r"""Return :math:`\log \xi`, shape ``[rows]``; −inf for a row without negatives.

        Args:
            temperature: τ.
            log_weights: Logarithm of a weight for each candidate.
        """
        exponents = (self.candidates - self.positive.unsqueeze(1)) / temperature + log_weights
        return self.log_sum(exponents)

    def log_count(self) -> Tensor:
        """Return the logarithm of the number of each row's negatives; 0 where there is none."""
        count = self.is_negative.sum(dim=1).clamp(min=1)
        return count.to(self.positive.dtype).log()

    def log_sum(self, exponents: Tensor) -> Tensor:
        """Return log Σ exp over each row's negatives; −inf for a row without any."""
        none = ~self.is_negative.any(dim=1)
        kept = exponents.masked_fill(~self.is_negative, -torch.inf)
        kept = kept.masked_fill(none.unsqueeze(1), 0.0)  # logsumexp of −inf has no gradient
        return kept.logsumexp(dim=1).masked_fill(none, -torch.inf)
