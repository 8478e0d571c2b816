"""Cross-entropy of class logits."""

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.errors import UsageError
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class CrossEntropy:
    r"""Cross-entropy of the class logits and the labels.

    .. math:: -\frac1N \sum_i \log \frac{e^{l_{i y_i}}}{\sum_c e^{l_{ic}}}

    Needs: class logits and labels.

    Use it: to classify pairs of sentences, alone or beside a contrast.

    Raises:
        UsageError: When the twin gives no logits, or the rows have no labels.

    Source: Reimers and Gurevych, 2019 (arXiv:1908.10084), section 3, for pairs of sentences.

    Example:
        >>> import torch
        >>> pairs = Pairs(
        ...     torch.eye(2), torch.eye(2), logits=torch.zeros(2, 3), labels=torch.tensor([0, 2])
        ... )
        >>> CrossEntropy()(pairs)  # ln 3
        tensor(1.0986)
    """

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the batch, a scalar."""
        if pairs.logits is None:
            raise UsageError(
                "CrossEntropy needs class logits: use a twin that classifies, as PairClassifier; "
                "method consert-sup has both, beside its contrast."
            )
        if pairs.labels is None:
            raise UsageError(
                "CrossEntropy needs a label in every row: give data with a label column."
            )
        return F.cross_entropy(pairs.logits, pairs.labels)
