"""InfoNCE that also contrasts anchors with anchors, and positives with positives."""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.losses.checks import check_positive
from sentemb.losses.contrast import Contrast, Contrasting, one_way, within_view
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class InfoNCEWithinViews(Contrasting):
    r"""InfoNCE whose candidates are the other anchors, and the positive's other positives, too.

    .. math:: -\frac1N \sum_i \log \frac{e^{s(x_i, y_i)}}{\sum_j e^{s(x_i, y_j)} + \sum_{j \ne i}
        e^{s(x_i, x_j)} + \sum_{j \ne i} e^{s(y_i, y_j)} + \sum_j e^{s(x_i, z_j)}}, \qquad
        s = \cos / \tau

    z are the hard negatives. All similarities of a batch are held at once.

    Needs: pairs; negatives where there are any.

    Use it: where anchors and positives are of one kind, and batches are small: it has three times
        the candidates.

    Args:
        temperature: τ; raising it weighs easy negatives more.

    Raises:
        UsageError: When τ is not positive, or the batch has no negative.

    Source: Solatorio, 2024, GISTEmbed (arXiv:2402.16829), equation 4; Li et al., 2023, GTE
        (arXiv:2308.03281), has the other positives' anchors beside.

    Example:
        >>> import torch
        >>> pairs = Pairs(torch.eye(2), torch.eye(2))
        >>> InfoNCEWithinViews(temperature=1.0)(pairs)  # log(1 + 3/e)
        tensor(0.7437)
    """

    temperature: float = 0.05

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the anchors, a scalar."""
        each = [c.similarities().log_xi(self.temperature) for c in self.contrasts(pairs)]
        log_xi = torch.stack(each)
        none = (log_xi == -torch.inf).all(dim=0)
        together = log_xi.masked_fill(none, 0.0).logsumexp(dim=0)
        return F.softplus(together).masked_fill(none, 0.0).mean()

    def contrasts(self, pairs: Pairs) -> tuple[Contrast, ...]:
        """Return anchors against positives and negatives, and each view against itself."""
        between = one_way(pairs)
        first, second = pairs.sides()
        within = [within_view(first, second), within_view(second, first)] if pairs.in_batch else []
        of_pairs = [replace(c, anchors=pairs.anchor, positives=pairs.positive) for c in within]
        return self.asked(between, *of_pairs)
