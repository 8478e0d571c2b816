"""R-Drop: two passes of one input are to agree."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.functional import symmetric_kl
from sentemb.losses.checks import check_not_negative
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class RDrop:
    r"""Cross-entropy of both passes, and the divergence between them.

    .. math:: \frac1N \sum_i \Bigl( -\log P_i(y_i) - \log Q_i(y_i) + \frac{\alpha}{2} \bigl(
        \mathrm{KL}(P_i \Vert Q_i) + \mathrm{KL}(Q_i \Vert P_i) \bigr) \Bigr)

    P and Q are the class probabilities of two forward passes over the same rows, which differ by
    dropout. The divergence is summed over classes and averaged over rows; the gradient goes
    through both sides of both.

    Needs: class logits of two passes, one after the other, and labels.

    Use it: in classification fine-tuning, at about twice the epochs.

    Args:
        weight: α of the paper. In the authors' repository the divergence is summed over the batch,
            so that its 0.5 (BERT) is 0.5 × the batch size here.

    Raises:
        UsageError: When α is negative, the twin gives no logits of two passes, or labels are
            missing.

    Source: Liang et al., 2021 (arXiv:2106.14448), equation 4.

    Example:
        >>> import torch
        >>> both = torch.zeros(4, 2)
        >>> labels = torch.tensor([0, 1])
        >>> RDrop()(Pairs(torch.eye(2), torch.eye(2), logits=both, labels=labels))  # 2 ln 2
        tensor(1.3863)
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        check_not_negative(weight=self.weight)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the rows, a scalar."""
        logits, labels = pairs.logits, pairs.labels
        if labels is None:
            raise UsageError(
                "RDrop needs a label in every row, and a twin that classifies every row twice."
            )
        if logits is None or len(logits) != 2 * len(labels):
            got = "none" if logits is None else f"{len(logits)} rows"
            raise UsageError(
                "RDrop needs class logits of two passes over each row, got "
                f"{got} for {len(labels)} labels: use a twin that classifies every row twice."
            )
        p, q = logits.to(torch.promote_types(logits.dtype, torch.float32)).chunk(2)
        likelihood = F.cross_entropy(p, labels) + F.cross_entropy(q, labels)
        return likelihood + self.weight * symmetric_kl(p, q).mean() / 2
