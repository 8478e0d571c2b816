"""Any loss that contrasts, by another similarity than the cosine."""

from dataclasses import dataclass

from torch import Tensor

from sentemb.losses.combine import Around, Loss, by_score
from sentemb.losses.compared_by import PairScore
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class WithScore(Around):
    r"""Any loss that contrasts, its similarities by another score than the cosine.

    .. math:: s = x^\top y / \tau, \qquad s = -\lVert \hat x - \hat y \rVert_1 / \tau, \qquad
        s = -\lVert \hat x - \hat y \rVert_2 / \tau

    The hats are at length 1. The bilinear score :math:`x^\top A y` with a symmetric, positive
    :math:`A = L^\top L` is the dot product behind a linear layer L that the encoder ends in
    (`sentemb.encoders.end_in_identity`). The similarities of the two distances are held in memory
    all at once.

    Needs: what its loss needs.

    Use it: to see what the cosine does; with `Dot`, when the dot product is what will be searched
        with. Lengths of embeddings are then part of the temperature: raise it.

    Args:
        contrast: The loss.
        score: `Dot`, `L1`, `L2` or `Cosine`, of `sentemb.losses.compared_by`.

    Raises:
        UsageError: When the loss contrasts nothing, or is made for cosines.

    Source: van den Oord et al., 2018 (arXiv:1807.03748), equation 3, for the bilinear score, whose
        A is symmetric and positive here.

    Example:
        >>> import torch
        >>> from sentemb.losses import InfoNCE, compared_by
        >>> pairs = Pairs(2 * torch.eye(2), 2 * torch.eye(2))
        >>> WithScore(InfoNCE(1.0), compared_by.Dot())(pairs)  # log(1 + 1/e⁴)
        tensor(0.0181)
    """

    score: PairScore

    def __post_init__(self) -> None:
        by_score(self.contrast, self.score)

    def __call__(self, pairs: Pairs) -> Tensor | dict[str, Tensor]:
        """Return what the loss returns."""
        return by_score(self.contrast, self.score)(pairs)

    def given(self, pairs: Pairs) -> list[tuple[Loss, Pairs]]:
        """Return the loss with the score, and the pairs."""
        return [(by_score(self.contrast, self.score), pairs)]
