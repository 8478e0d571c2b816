"""The contrastive loss of labelled pairs."""

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.losses.checks import check_positive, check_scores_within, scores_of
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class Contrastive:
    r"""Pull pairs that belong together, push others until they are a margin apart.

    .. math:: \frac1N \sum_i \tfrac12 \bigl( y_i \, d_i^2 + (1 - y_i) \max(0, m - d_i)^2 \bigr),
        \qquad d = 1 - \cos

    Nothing else in the batch is a negative.

    Needs: pairs, with a score y in [0, 1] for each: 1 belongs together.

    Use it: for pairs labelled same or different, as paraphrase corpora.

    Args:
        margin: m, a cosine distance.

    Raises:
        UsageError: When the margin is not positive, or scores are missing or out of [0, 1].

    Source: Hadsell, Chopra and LeCun, 2006 (doi:10.1109/CVPR.2006.100), equation 4. Deviation:
        cosine distance, as in sentence-transformers.

    Example:
        >>> import torch
        >>> scores = torch.tensor([1.0, 0.0])
        >>> Contrastive()(Pairs(torch.eye(2), torch.eye(2), labels=scores))  # (0 + 0.5²/2) / 2
        tensor(0.0625)
    """

    margin: float = 0.5

    def __post_init__(self) -> None:
        check_positive(margin=self.margin)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the batch, a scalar."""
        together = scores_of(pairs, self)
        self.check_labels(together)
        distance = 1 - F.cosine_similarity(pairs.anchor, pairs.positive)
        apart = (self.margin - distance).relu().square()
        return (together * distance.square() + (1 - together) * apart).mean() / 2

    def check_labels(self, scores: Tensor) -> None:
        """Raise unless all are in [0, 1]; names the first pair whose score is not.

        Raises:
            UsageError: When one is not.
        """
        check_scores_within(scores, 0, 1, self)
