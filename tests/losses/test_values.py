"""Every loss: frozen value, closed form, gradient check, invariance, and what it refuses."""

import math
from dataclasses import replace

import pytest
import torch
from helpers import random_pairs

from sentemb import losses
from sentemb.functional import cosine
from sentemb.losses import (
    CrossEntropy,
    EachSentence,
    FlatNCE,
    FlatNCEOneWay,
    InfoNCE,
    NTXent,
    Sum,
    log_xi,
)
from sentemb.pairs import Pairs

ALL = [InfoNCE, NTXent, FlatNCE, FlatNCEOneWay]

# Computed once in float64 by independent code: METHODS, table of frozen values.
FROZEN = [
    (InfoNCE, False, 0.05, 0.1858855724),
    (InfoNCE, False, 0.5, 0.5380380572),
    (NTXent, False, 0.05, 0.6693655750),
    (NTXent, False, 0.5, 0.9319205647),
    (FlatNCE, False, 0.05, -2.5299149628),
    (FlatNCE, False, 0.5, 0.4007484872),
    (FlatNCEOneWay, False, 0.05, -6.3353382228),
    (FlatNCEOneWay, False, 0.5, -0.3680001565),
    (InfoNCE, True, 0.05, 1.2452892592),
    (InfoNCE, True, 0.5, 1.1090009857),
]


NOT_CONTRASTIVE = {CrossEntropy, EachSentence, Sum}  # tests/losses/test_classified.py


def test_every_exported_loss_is_tested_here():
    types = {"Loss", "Term"}
    exported = {getattr(losses, name) for name in losses.__all__ if name not in types}
    assert exported == set(ALL) | NOT_CONTRASTIVE


@pytest.mark.parametrize(("loss", "with_negatives", "temperature", "value"), FROZEN)
def test_frozen_value(frozen, loss, with_negatives, temperature, value):
    pairs = frozen if with_negatives else replace(frozen, negatives=None)
    assert float(loss(temperature)(pairs)) == pytest.approx(value, abs=1e-8)


@pytest.mark.parametrize(("temperature", "value"), [(0.05, 1.2459789188), (0.5, 1.2073003059)])
def test_frozen_value_of_the_hard_negative_weight(frozen, temperature, value):
    loss = InfoNCE(temperature, hard_negative_weight=2.0)
    assert float(loss(frozen)) == pytest.approx(value, abs=1e-8)


@pytest.mark.parametrize("loss", ALL)
@pytest.mark.parametrize("candidates", [0, 4])
def test_gradient(loss, candidates):
    pairs = random_pairs(4, 3, candidates)
    inputs = [t for t in (pairs.anchor, pairs.positive, pairs.negatives) if t is not None]
    assert torch.autograd.gradcheck(
        lambda *tensors: loss(0.5)(Pairs(*tensors)), [t.requires_grad_() for t in inputs]
    )


@pytest.mark.parametrize(
    ("loss", "xi"), [(InfoNCE, 3), (NTXent, 6), (FlatNCE, 6), (FlatNCEOneWay, 3)]
)
def test_closed_form_of_an_orthogonal_batch(loss, xi):
    """Positives at cosine 1, every other at 0: ξ is the count of negatives times e^(−1/τ)."""
    pairs = Pairs(torch.eye(4, dtype=torch.float64), 5 * torch.eye(4, dtype=torch.float64))
    log_xi = math.log(xi) - 1 / 0.2
    expected = log_xi if "Flat" in loss.__name__ else math.log1p(math.exp(log_xi))
    assert float(loss(0.2)(pairs)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("loss", ALL)
def test_order_and_length_of_rows_do_not_matter(loss):
    pairs = random_pairs(6, 5, 6)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(1))
    shuffled = Pairs(3 * pairs.anchor[order], pairs.positive[order], pairs.negatives[order])
    assert float(loss()(shuffled)) == pytest.approx(float(loss()(pairs)), abs=1e-12)


@pytest.mark.parametrize("loss", ALL)
def test_half_precision_embeddings_are_refused_nowhere_and_stay_finite(loss):
    pairs = random_pairs(6, 5)
    half = Pairs(pairs.anchor.bfloat16(), pairs.positive.bfloat16()).float()
    assert half.anchor.dtype == torch.float32
    assert torch.isfinite(loss(0.001)(half))


def test_info_nce_keeps_its_gradient_where_cross_entropy_has_lost_it():
    """Two opposite sentences: ξ is so small that float32 cannot tell 1 + ξ from 1."""
    pairs = random_pairs(2, 16)
    anchor = torch.stack([pairs.anchor[0], -pairs.anchor[0] + 0.3 * pairs.anchor[1]])
    positive = anchor + 0.1 * pairs.positive

    def gradient(loss, dtype):
        x = anchor.to(dtype).requires_grad_()
        return torch.autograd.grad(loss(Pairs(x, positive.to(dtype))), x)[0].double()

    def cross_entropy(pairs):
        logits = cosine(pairs.anchor, pairs.positive) / 0.05
        return torch.nn.functional.cross_entropy(logits, torch.arange(2))

    exact = gradient(InfoNCE(0.05), torch.float64)
    error = (gradient(InfoNCE(0.05), torch.float32) - exact).norm() / exact.norm()
    lost = (gradient(cross_entropy, torch.float32) - exact).norm() / exact.norm()
    assert error < 1e-4
    assert lost > 0.1


@pytest.fixture
def gradient_of_similarities(monkeypatch):
    """Differentiate a loss, summed over the batch, by the cosines it computes."""

    def gradient(loss, pairs):
        seen = []

        def spy(anchor, candidates):
            seen.append(cosine(anchor, candidates).requires_grad_())
            return seen[0]

        monkeypatch.setattr(log_xi, "cosine", spy)
        value = len(pairs.anchor) * loss(pairs)
        return torch.autograd.grad(value, seen[0])[0]

    return gradient


def test_flat_nce_gradient_is_flat(gradient_of_similarities):
    """∂/∂cos⁺ is −1/τ for every row, and the negatives share +1/τ."""
    gradient = gradient_of_similarities(FlatNCEOneWay(0.5), random_pairs(5, 8))
    torch.testing.assert_close(gradient.diagonal(), torch.full((5,), -2.0).double())
    torch.testing.assert_close(gradient.sum(dim=1), torch.zeros(5).double())


def test_info_nce_gradient_rows_sum_to_zero(gradient_of_similarities):
    """The positive is pulled by (1 − p⁺)/τ, as much as all negatives are pushed."""
    pairs = random_pairs(5, 8)
    gradient = gradient_of_similarities(InfoNCE(0.5), pairs)
    p = torch.softmax(cosine(pairs.anchor, pairs.positive) / 0.5, dim=1).diagonal()
    torch.testing.assert_close(gradient.sum(dim=1), torch.zeros(5).double())
    torch.testing.assert_close(gradient.diagonal(), -(1 - p) / 0.5)


@pytest.mark.parametrize("loss", ALL)
def test_a_batch_without_negatives_is_refused(loss):
    with pytest.raises(ValueError, match="batch of 1 pair has no negative"):
        loss()(random_pairs(1, 4))
    assert torch.isfinite(loss()(random_pairs(1, 4, candidates=3)))


@pytest.mark.parametrize("loss", ALL)
@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_bad_temperature_is_refused(loss, temperature):
    with pytest.raises(ValueError, match="temperature must be a positive number"):
        loss(temperature)


def test_a_bad_hard_negative_weight_is_refused():
    with pytest.raises(ValueError, match="hard_negative_weight must be positive"):
        InfoNCE(hard_negative_weight=0)
    with pytest.raises(ValueError, match="one negative for each anchor, got 7 for 4"):
        InfoNCE(hard_negative_weight=2)(random_pairs(4, 3, candidates=7))
    with pytest.raises(ValueError, match="needs hard negatives: give a column"):
        InfoNCE(hard_negative_weight=2)(random_pairs(4, 3))
