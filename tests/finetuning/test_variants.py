"""The table of docs/r_drop.md: each loss of the authors' repository, from ours."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from sentemb.losses import RDrop
from sentemb.pairs import Pairs

A = torch.tensor([[2, 0.5, -1], [0.1, 0.2, 0.3]], dtype=torch.float64)
B = torch.tensor([[1.5, 0.7, -0.5], [0.4, 0, 0.1]], dtype=torch.float64)
LABELS = torch.tensor([0, 2])
ROWS = 2
CE_1, CE_2 = F.cross_entropy(A, LABELS), F.cross_entropy(B, LABELS)


def ours(alpha):
    pairs = Pairs(torch.eye(2), torch.eye(2), logits=torch.cat([A, B]), labels=LABELS)
    return float(RDrop(alpha)(pairs))


def kl_sum(p, q):
    return F.kl_div(q.log_softmax(1), p.log_softmax(1), log_target=True, reduction="sum")


SUM = kl_sum(A, B) + kl_sum(B, A)
VARIANTS = {  # what the repository computes, ours by the conversion, the frozen value
    "README": ((CE_1 + CE_2) / 2 + SUM / 2, ours(2 * 1.0 * ROWS) / 2, 0.8105000474),
    "BERT": (CE_1 + CE_2 + 0.5 * SUM / 2, ours(0.5 * ROWS), 1.4866471403),
    "RoBERTa": (
        CE_1 / 2 + 0.7 * SUM / 2,
        float(CE_1) / 2 + 0.7 * ROWS * (ours(1.0) - ours(0.0)),
        0.3735115816,
    ),
    "ViT": (CE_1 + CE_2 + 0.3 * SUM, ours(0.6 * ROWS), None),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_ours_by_the_conversion(name):
    theirs, converted, frozen = VARIANTS[name]
    assert converted == pytest.approx(float(theirs), abs=1e-12)
    if frozen is not None:
        assert converted == pytest.approx(frozen, abs=1e-8)


def test_a_mean_over_elements_is_divided_by_the_classes_too():
    elements = sum(
        F.kl_div(q.log_softmax(1), p.log_softmax(1), log_target=True, reduction="none")
        for p, q in ((A, B), (B, A))
    )
    mean = float(elements.mean()) / 2  # what reduction="mean" gives
    assert mean == pytest.approx(0.0149281060, abs=1e-8)
    assert mean * 3 == pytest.approx(ours(1.0) - ours(0.0), abs=1e-8)
