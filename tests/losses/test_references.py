"""Agreement of value and gradient with the formulas written once more, in loops."""

import numpy as np
import pytest
import torch

from sentemb.pairs import Pairs
from tests.support import loss_references as ref
from tests.support.helpers import random_pairs
from tests.support.loss_cases import REFERENCES, scalar

SIZES = [(2, 3), (5, 8), (16, 12)]
WITHOUT_NEGATIVES = {"SupConIn", "DimensionWise", "Matryoshka"} | {
    *("ListMLE", "ListNet", "RankingConsistency", "SimilarityKL", "SimilarityMSE"),
}


@pytest.mark.parametrize(("batch", "dim"), SIZES)
@pytest.mark.parametrize("name", REFERENCES)
def test_value_and_gradient(name, batch, dim):
    """The gradient along random directions, by central differences of the reference."""
    loss, reference = REFERENCES[name]
    drawn = random_pairs(batch, dim, candidates=0 if name in WITHOUT_NEGATIVES else batch)
    labels = torch.arange(batch) // 2
    given = [t for t in (drawn.anchor, drawn.positive, drawn.negatives) if t is not None]
    given[2:] = [t.unsqueeze(1) for t in given[2:]]
    leaves = [t.clone().requires_grad_() for t in given]
    graded = None if name == "MarginMSE" else labels  # its margins are the teacher's
    vectors = [ref.of_teacher(batch, number) for number in range(len(leaves))]
    pairs = Pairs(*leaves, labels=graded).beside(torch.from_numpy(np.concatenate(vectors)))
    value = scalar(loss(pairs))

    def referred(tensors):
        a, p, *n = (t.numpy() for t in tensors)
        return float(reference(a, p, n[0][:, 0] if n else [], labels.numpy()))

    assert float(value.detach()) == pytest.approx(referred(given), abs=1e-9)
    gradients = torch.autograd.grad(value, leaves)
    rng = np.random.default_rng(0)
    for _ in range(3):
        ways = [torch.from_numpy(rng.standard_normal(t.shape)) for t in given]
        step = 1e-6
        up = referred([t + step * w for t, w in zip(given, ways, strict=True)])
        down = referred([t - step * w for t, w in zip(given, ways, strict=True)])
        along = sum(float((g * w).sum()) for g, w in zip(gradients, ways, strict=True))
        assert along == pytest.approx((up - down) / (2 * step), abs=1e-6)
