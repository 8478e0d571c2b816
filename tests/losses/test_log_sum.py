"""log Σ exp in one pass over a few columns at a time: value, gradient, and the gradient's own."""

import math

import pytest
import torch

from sentemb.losses import InfoNCE, contrast, log_sum
from sentemb.losses.log_sum import log_sum_exp
from tests.support.helpers import random_pairs


def given(temperature=0.3):
    """Five rows, the last without negatives; a learned temperature, weights."""
    generator = torch.Generator().manual_seed(0)
    similarities = torch.randn(5, 7, dtype=torch.float64, generator=generator)
    is_negative = torch.rand(5, 7, generator=generator) < 0.6
    is_negative[4] = False
    leaves = [similarities, similarities[:, 0].clone(), torch.tensor(temperature).double()]
    leaves.append(torch.randn(5, 7, dtype=torch.float64, generator=generator))
    return [x.requires_grad_() for x in leaves], is_negative


@pytest.mark.parametrize("cached", [5, 10, 1000])
def test_columns_at_a_time_as_at_once(monkeypatch, cached):
    monkeypatch.setattr(log_sum, "CACHED", cached)
    leaves, is_negative = given(0.003)
    s, reference, temperature, weights = leaves
    exponents = (s - reference.unsqueeze(1)) / temperature + weights
    expected = exponents.masked_fill(~is_negative, -math.inf)[:4].logsumexp(dim=1)
    value = log_sum_exp(*leaves, is_negative)
    assert value[4] == -math.inf
    torch.testing.assert_close(value[:4], expected)
    by = torch.autograd.grad(value[:4].square().sum(), leaves, retain_graph=True)
    for mine, other in zip(by, torch.autograd.grad(expected.square().sum(), leaves), strict=True):
        torch.testing.assert_close(mine, other)
    again = torch.autograd.grad(value[:4].square().sum(), leaves)
    assert all(torch.equal(one, other) for one, other in zip(by, again, strict=True))


def test_the_gradient_can_be_differentiated():
    leaves, is_negative = given()
    of = lambda *x: log_sum_exp(*x, is_negative)[:4]  # noqa: E731
    assert torch.autograd.gradgradcheck(of, leaves)


def test_a_kept_graph_gives_the_gradient_of_blocks_twice(monkeypatch):
    monkeypatch.setattr(contrast, "BLOCK", 12)
    monkeypatch.setattr(contrast, "ROWS", 1)
    pairs = random_pairs(6, 4)
    anchor = pairs.anchor.requires_grad_()
    value = 2 * InfoNCE()(pairs)
    (first,) = torch.autograd.grad(value, anchor, retain_graph=True)
    kept = first.clone()
    (second,) = torch.autograd.grad(value, anchor)
    assert torch.equal(second, kept)
    assert torch.equal(first, kept)
