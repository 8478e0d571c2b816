"""Negatives without those that a teacher finds nearer than the row's own positive."""

from dataclasses import dataclass

from torch import Tensor

from sentemb.errors import UsageError
from sentemb.losses.checks import check_not_negative
from sentemb.losses.combine import Around, Loss, parts, without_similar
from sentemb.losses.contrast import Contrasting
from sentemb.losses.guide import Margins
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class Guided(Around):
    r"""Any loss, its negatives without those that a teacher finds nearer than the positive.

    .. math:: N(i) \leftarrow \{ j \in N(i) : g_{ij} \le g_{i+} - m - r \lvert g_{i+} \rvert \}

    g are the cosines of the teacher's embeddings. A row itself and its positive never were among
    the negatives, also where the pair's texts are equal.

    Needs: what its loss needs, and a teacher's embeddings (method `gist`).

    Use it: on data whose rows are often related to each other: mined negatives, many captions of
        one picture.

    Args:
        contrast: The loss.
        margin: m; raising it leaves out more.
        relative_margin: r, of the pair's own similarity.

    Raises:
        UsageError: When a margin is negative, the loss contrasts nothing, or there is no teacher.

    Source: Solatorio, 2024, GISTEmbed (arXiv:2402.16829); the margins are those of
        sentence-transformers. Deviation: own entries are excluded whatever the teacher says.

    Example:
        >>> import torch
        >>> from sentemb.losses import InfoNCE
        >>> same, eye = torch.ones(2, 2), torch.eye(2)
        >>> pairs = Pairs(same, same, teacher=eye, teacher_positive=same)
        >>> InfoNCE(1.0)(pairs), Guided(InfoNCE(1.0), margin=0.1)(pairs)
        (tensor(0.6931), tensor(0.))
    """

    margin: float = 0.0
    relative_margin: float = 0.0

    def __post_init__(self) -> None:
        check_not_negative(margin=self.margin, relative_margin=self.relative_margin)
        if not any(isinstance(part, Contrasting) for part in parts(self.contrast)):
            raise UsageError(
                f"{type(self.contrast).__name__} contrasts no candidates, so that a teacher cannot "
                "guide it: take a loss with negatives, as InfoNCE."
            )

    def __call__(self, pairs: Pairs) -> Tensor | dict[str, Tensor]:
        """Return what the loss returns."""
        ((loss, same),) = self.given(pairs)
        return loss(same)

    def given(self, pairs: Pairs) -> list[tuple[Loss, Pairs]]:
        """Return the loss with the margins set, and the pairs."""
        margins = Margins(self.margin, self.relative_margin)
        return [(without_similar(self.contrast, margins=margins), pairs)]
