"""What a loss is."""

from collections.abc import Callable

from torch import Tensor

from sentemb.pairs import Pairs

Term = Callable[[Pairs], Tensor]
"""Any function of pairs that returns a scalar is a loss."""

Loss = Callable[[Pairs], Tensor | dict[str, Tensor]]
"""A loss may name its terms: they are summed, and each is logged."""
