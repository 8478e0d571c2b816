"""Negatives without those that are suspiciously similar."""

import math
from dataclasses import dataclass

from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.combine import Around, Loss, parts, without_similar
from sentemb.pairs import Pairs
from sentemb.values import is_number


@dataclass(frozen=True)
class MaskSimilar(Around):
    r"""Any loss, its negatives without those that are suspiciously similar to the row.

    .. math:: N(i) \leftarrow \{ j \in N(i) : \cos(x_i, y_j) \le c \}

    Equal texts are left out without this; what it finds are paraphrases, by the encoder's own
    judgement. Which ones they are carries no gradient.

    Needs: what its loss needs.

    Use it: on data full of near-duplicates, once the encoder is good enough to tell.

    Args:
        contrast: The loss.
        above: c, in (0, 1).

    Raises:
        UsageError: When c is out of its range.

    Source: Huynh et al., 2022 (arXiv:2011.11765), elimination of false negatives. Deviation: a
        fixed threshold on one cosine in place of support views.

    Example:
        >>> import torch
        >>> from sentemb.losses import InfoNCE
        >>> pairs = Pairs(torch.ones(2, 2), torch.ones(2, 2))
        >>> InfoNCE(1.0)(pairs), MaskSimilar(InfoNCE(1.0), above=0.9)(pairs)
        (tensor(0.6931), tensor(0.))
    """

    above: float

    def __post_init__(self) -> None:
        if not (is_number(self.above) and 0 < self.above < 1):
            raise UsageError(f"mask_above is a cosine in (0, 1), got {self.above!r}.")

    def __call__(self, pairs: Pairs) -> Tensor | dict[str, Tensor]:
        """Return what the loss returns."""
        return without_similar(self.contrast, self.above)(pairs)

    def given(self, pairs: Pairs) -> list[tuple[Loss, Pairs]]:
        """Return the loss with its option set, and the pairs."""
        return [(without_similar(self.contrast, self.above), pairs)]


def mask_threshold(loss: Loss) -> float:
    """Return the cosine above which a loss contrasts nothing; infinite where it has none."""
    return min((p.above for p in parts(loss) if isinstance(p, MaskSimilar)), default=math.inf)
