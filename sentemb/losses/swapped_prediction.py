"""The loss of SwAV: each view predicts the prototypes that the other was given."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.functional import sinkhorn
from sentemb.losses.checks import check_positive, need_two_rows
from sentemb.pairs import Pairs
from sentemb.types import SimilarityMatrix
from sentemb.values import require_at_least


@dataclass(frozen=True)
class SwappedPrediction:
    r"""Each view predicts how the other is shared out among the prototypes.

    .. math:: -\frac{1}{2N} \sum_i \Bigl( q(y_i)^\top \log \operatorname{softmax}(s(x_i) / \tau)
        + q(x_i)^\top \log \operatorname{softmax}(s(y_i) / \tau) \Bigr)

    s are the cosines with each prototype, q the codes: Sinkhorn's assignment of the batch, and of
    the queue where there is one, in equal shares to the prototypes. No gradient goes through q. At
    the start the loss is near the logarithm of the number of prototypes.

    Needs: scores of both views by a twin with prototypes (method swav).

    Use it: if there are no negatives: it asks for clusters, not for distances.

    Args:
        temperature: τ.
        epsilon: ε of Sinkhorn; raising it makes codes softer.
        iterations: Of Sinkhorn.

    Raises:
        UsageError: When τ or ε is not positive, there are no scores, or the batch has one pair.

    Source: Caron et al., 2020, SwAV (arXiv:2006.09882), equations 1 to 4.

    Example:
        >>> import torch
        >>> scores = 9 * torch.eye(2).repeat(2, 1)
        >>> pairs = Pairs(torch.eye(2), torch.eye(2), logits=scores)
        >>> round(float(SwappedPrediction(temperature=1.0, epsilon=1.0)(pairs)), 4)
        0.0012
    """

    temperature: float = 0.1
    epsilon: float = 0.05
    iterations: int = 3

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature, epsilon=self.epsilon)
        require_at_least(1, iterations=self.iterations)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over both views, a scalar."""
        need_two_rows(pairs, self)
        batch = len(pairs.anchor)
        if pairs.logits is None or len(pairs.logits) < 2 * batch:
            raise UsageError(
                "SwappedPrediction needs the scores of both views with prototypes: use method swav."
            )
        x, y = pairs.logits[: 2 * batch].chunk(2)
        queued = pairs.logits[2 * batch :].chunk(2)
        x_queued, y_queued = queued if len(queued) == 2 else (x[:0], y[:0])
        return (self._predict(x, y, y_queued) + self._predict(y, x, x_queued)) / 2

    def _predict(
        self, scores: SimilarityMatrix, other: SimilarityMatrix, queued: SimilarityMatrix
    ) -> Tensor:
        """Return the cross-entropy of the other view's codes."""
        together = torch.cat([queued, other]).detach()
        codes = sinkhorn(together, self.epsilon, self.iterations)[len(queued) :]
        return -(codes * (scores / self.temperature).log_softmax(dim=1)).sum(dim=1).mean()
