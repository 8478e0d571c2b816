"""Losses that rank the rows of a batch: by a teacher's order, or alike both ways round."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from sentemb.functional import cosine
from sentemb.losses.checks import check_positive, need_two_rows
from sentemb.losses.similarity_distillation import similarities_of_both
from sentemb.pairs import Pairs


@dataclass(frozen=True)
class ListNet:
    r"""Cross-entropy of the student's choice of the nearest row under the teacher's.

    .. math:: -\frac1N \sum_i \sum_{j \ne i} q_{ij} \log p_{ij}, \qquad
        p = \operatorname{softmax}_{j \ne i}(s_{ij} / \tau), \quad
        q = \operatorname{softmax}_{j \ne i}(t_{ij} / \tau_t)

    s are the cosines of the student's anchors and positives, t the teacher's of their texts. It is
    `SimilarityKL` and the teacher's entropy, so with the same gradient, but not 0 at its best.

    Needs: a teacher's embeddings of both views (methods `gist` and `rankcse`).

    Use it: to compare with RankCSE.

    Args:
        temperature: τ, of the student.
        teacher_temperature: τₜ; lowering it has fewer neighbours count.
        diagonal: Whether the row's own positive is in the lists.

    Raises:
        UsageError: When a temperature is not positive, there is no teacher, or one row.

    Source: Liu et al., 2023, RankCSE (arXiv:2305.16726); Cao et al., 2007, ListNet. Deviation: one
        temperature for both lists, as the authors' code has it and their text does not.

    Example:
        >>> import torch
        >>> eye = torch.eye(3)
        >>> ListNet()(Pairs(eye, eye, teacher=eye, teacher_positive=eye))  # log 2
        tensor(0.6931)
    """

    temperature: float = 0.05
    teacher_temperature: float = 0.05
    diagonal: bool = False

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature, teacher_temperature=self.teacher_temperature)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the rows, a scalar."""
        student, teacher = similarities_of_both(pairs, self, diagonal=self.diagonal)
        target = (teacher / self.teacher_temperature).softmax(dim=1)
        return F.cross_entropy(student / self.temperature, target)


@dataclass(frozen=True)
class ListMLE:
    r"""Likelihood of the teacher's order of the other rows under the student's similarities.

    .. math:: -\frac1N \sum_i \sum_k \log \frac{e^{s_{i \pi_i(k)} / \tau}}{\sum_{l \ge k}
        e^{s_{i \pi_i(l)} / \tau}}

    s are the cosines of the student's anchors and positives; πᵢ are the other rows from the one
    that is the teacher's nearest to its farthest, of equals the earlier row first. Of the teacher
    it reads the order alone.

    Needs: a teacher's embeddings of both views (methods `gist` and `rankcse`).

    Use it: where a teacher's order is to be learnt, and its scale means nothing.

    Args:
        temperature: τ, of the student.
        diagonal: Whether the row's own positive is in the list.

    Raises:
        UsageError: When τ is not positive, there is no teacher, or one row.

    Source: Liu et al., 2023, RankCSE (arXiv:2305.16726); Xia et al., 2008, ListMLE. Deviation: the
        row's own positive is left out, and nothing is added inside of the logarithm.

    Example:
        >>> import torch
        >>> eye = torch.eye(3)
        >>> ListMLE()(Pairs(eye, eye, teacher=eye, teacher_positive=eye))  # log 2 + log 1
        tensor(0.6931)
    """

    temperature: float = 0.05
    diagonal: bool = False

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the rows, a scalar."""
        student, teacher = similarities_of_both(pairs, self, diagonal=self.diagonal)
        order = teacher.argsort(dim=1, descending=True, stable=True)
        ranked = student.gather(1, order) / self.temperature
        remaining = ranked.flip(1).logcumsumexp(dim=1).flip(1)
        return (remaining - ranked).sum(dim=1).mean()


@dataclass(frozen=True)
class RankingConsistency:
    r"""Have both views rank the batch alike: Jensen-Shannon divergence of their rows.

    .. math:: \frac1N \sum_i \operatorname{JS} \bigl( \operatorname{softmax}_j(s_{ij} / \tau),
        \operatorname{softmax}_j(s_{ji} / \tau) \bigr), \qquad s = \cos

    Of the first views among the second, and of the second among the first. It is 0 where both
    views are the same, so it holds nothing apart: add it to a contrast.

    Needs: pairs.

    Use it: beside `InfoNCE`, as RankCSE does.

    Args:
        temperature: τ.

    Raises:
        UsageError: When τ is not positive, or there is one row.

    Source: Liu et al., 2023, RankCSE (arXiv:2305.16726), the paper's formula. Deviation: the
        authors' code computes minus the mean entropy, which couples nothing.

    Example:
        >>> import torch
        >>> RankingConsistency()(Pairs(torch.eye(2), torch.eye(2)))
        tensor(0.)
    """

    temperature: float = 0.05

    def __post_init__(self) -> None:
        check_positive(temperature=self.temperature)

    def __call__(self, pairs: Pairs) -> Tensor:
        """Return the mean over the rows, a scalar."""
        need_two_rows(pairs, self)
        s = cosine(pairs.anchor, pairs.positive) / self.temperature
        first, second = s.log_softmax(dim=1), s.T.log_softmax(dim=1)
        mean = torch.logaddexp(first, second) - math.log(2)
        each = [F.kl_div(mean, p, reduction="batchmean", log_target=True) for p in (first, second)]
        return torch.stack(each).mean()
