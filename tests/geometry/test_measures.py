"""Every number has a case that can be worked out by hand."""

import math

import numpy as np
import pytest
import torch

from sentemb.errors import InputError
from sentemb.functional import cosine, effective_rank, spectrum, uniformity
from sentemb.geometry.measures import (
    entropy,
    local_separation,
    mean_cosine,
    relative_penalties,
    tolerance,
    variance_of_the_first,
)
from sentemb.geometry.ranks import random_pairs, rank_correlation, rarity
from tests.support.helpers import at, cos

CROSS = torch.cat([torch.eye(5), -torch.eye(5)]).double()
"""Every axis, both ways."""


def gaussian(rows, dim, seed=0):
    return torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed)).double()


def test_uniformity_of_a_large_gaussian_sample():
    assert float(uniformity(gaussian(1500, 768))) == pytest.approx(-3.990, abs=0.002)


@pytest.mark.parametrize(("dim", "floor"), [(2, -1.5750), (3, -2.0798), (128, -3.9375)])
def test_uniformity_nears_its_floor(dim, floor):
    """ln(e^−4 · 0F1(; d/2; 4)), METHODS §6."""
    assert float(uniformity(gaussian(1500, dim))) == pytest.approx(floor, abs=0.02)


def test_mean_cosine_is_that_of_the_matrix():
    x = gaussian(20, 4) + 1
    expected = cosine(x, x)[~torch.eye(20, dtype=torch.bool)].mean()
    torch.testing.assert_close(mean_cosine(x), expected)


def test_mean_cosine_of_known_sets():
    assert float(mean_cosine(torch.eye(4))) == pytest.approx(0, abs=1e-7)
    assert float(mean_cosine(torch.ones(5, 3))) == pytest.approx(1)
    simplex = torch.eye(4) - 1 / 4
    assert float(mean_cosine(simplex)) == pytest.approx(-1 / 3, abs=1e-6)
    assert float(mean_cosine(CROSS)) == pytest.approx(-1 / 9)


def test_all_axes_alike_have_an_even_spectrum():
    values = spectrum(CROSS)
    torch.testing.assert_close(values, torch.full((5,), math.sqrt(2)).double())
    assert float(effective_rank(CROSS)) == pytest.approx(5)
    assert float(variance_of_the_first(values)) == pytest.approx(1 / 5)


def test_spectrum_is_of_the_centred_unit_vectors():
    x = gaussian(30, 6) + 2
    unit = torch.nn.functional.normalize(x, dim=1)
    variances = torch.linalg.eigvalsh(torch.cov(unit.T, correction=0)).flip(0)
    torch.testing.assert_close(spectrum(x).square() / 30, variances)


def test_effective_rank_of_two_directions():
    """σ as 3 to 1: entropy of (¾, ¼)."""
    angle = math.atan(1 / 3)
    x = torch.tensor([[math.cos(angle), math.sin(angle)]]).double()
    x = torch.cat([x, -x, x * torch.tensor([1, -1]), x * torch.tensor([-1, 1])])
    expected = math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert float(effective_rank(x)) == pytest.approx(expected)
    assert float(variance_of_the_first(spectrum(x))) == pytest.approx(0.9)


def test_tolerance_by_hand():
    """Two classes: cosines within 0.6 (of two) and −1 (of two), between 1, −1, 0.6, −0.6."""
    x = torch.tensor([[1.0, 0.0], [0.6, 0.8], [1.0, 0.0], [-1.0, 0.0]]).double()
    found = tolerance(x, torch.tensor([0, 0, 7, 7]))
    assert found.tolerance == pytest.approx((0.6 - 1) / 2)
    assert found.between == pytest.approx((1 - 1 + 0.6 - 0.6) / 4)
    assert (found.pairs_within, found.pairs_between) == (2, 4)


def test_tolerance_is_that_of_the_matrix():
    x, labels = gaussian(30, 4), torch.arange(30) % 3
    same = (labels[:, None] == labels) & ~torch.eye(30, dtype=torch.bool)
    similarities = cosine(x, x)
    found = tolerance(x, labels)
    assert found.tolerance == pytest.approx(float(similarities[same].mean()))
    other = labels[:, None] != labels
    assert found.between == pytest.approx(float(similarities[other].mean()))


@pytest.mark.parametrize(
    ("labels", "words"), [([1, 1, 1], "all labels are one class"), ([0, 1, 2], "has one sentence")]
)
def test_tolerance_needs_pairs(labels, words):
    with pytest.raises(InputError, match=words):
        tolerance(torch.eye(3), torch.tensor(labels))


def test_relative_penalties_by_hand():
    """Negatives at 0.5 and 0.1, τ = 0.2: e^2.5 and e^0.5."""
    similarities = torch.tensor([[1.0, 0.5, 0.1], [0.5, 1.0, 0.5], [0.1, 0.5, 1.0]]).double()
    shares = relative_penalties(similarities, temperature=0.2)
    share = math.exp(2.5) / (math.exp(2.5) + math.exp(0.5))
    torch.testing.assert_close(shares[0], torch.tensor([0, share, 1 - share]).double())
    expected = -(share * math.log(share) + (1 - share) * math.log(1 - share))
    assert float(entropy(shares)[0]) == pytest.approx(expected)
    assert float(entropy(shares)[1]) == pytest.approx(math.log(2))


def test_relative_penalties_are_what_the_gradient_of_info_nce_is_shared_by():
    similarities = cosine(x := gaussian(8, 4), x).requires_grad_()
    loss = torch.nn.functional.cross_entropy(similarities / 0.1, torch.arange(8), reduction="sum")
    (gradient,) = torch.autograd.grad(loss, similarities)
    shares = gradient / -gradient.diagonal().unsqueeze(1)
    expected = relative_penalties(similarities, 0.1)
    torch.testing.assert_close(shares.fill_diagonal_(0), expected)


def test_their_entropy_rises_with_temperature_from_the_hardest_alone_to_all_alike():
    similarities = cosine(x := gaussian(20, 4), x)
    means = [float(entropy(relative_penalties(similarities, t)).mean())
             for t in (1e-4, 0.05, 0.1, 0.5, 1, 1e4)]  # fmt: skip
    assert means == sorted(means)
    assert means[0] == pytest.approx(0, abs=1e-3)
    assert means[-1] == pytest.approx(math.log(19), abs=1e-6)


def test_rarity_by_hand():
    """Eight words: the four times, two once, one twice."""
    found = rarity(["The the", "the cat", "THE dog!", "of of", "…"])
    expected = [1, (1 + 3) / 2, (1 + 3) / 2, 2]
    assert found[:4].tolist() == expected
    assert np.isnan(found[4])


def test_a_chinese_character_is_a_word():
    assert rarity(["猫猫", "狗a"]).tolist() == [1, 2]


def test_random_pairs_are_of_different_rows_and_even():
    assert all(len(side) == 45 for side in random_pairs(10))
    first, second = random_pairs(500)
    assert len(first) == 10_000
    assert not (first == second).any()
    counts = np.bincount(np.concatenate([first, second]), minlength=500)
    assert counts.min() > 10
    assert np.array_equal(first, random_pairs(500)[0])


def test_rank_correlation_of_what_does_not_vary():
    x = np.arange(9.0)
    assert rank_correlation(x, -(x**3)) == pytest.approx(-1)
    assert rank_correlation(x, 1 + 1e-7 * np.sin(x)) is None
    assert rank_correlation(np.zeros(9), x) is None


def test_local_separation_in_the_plane():
    """From 0°: the positive at 10°, negatives at 40° and 90°; from 10°: 30° and 80° away."""
    x = at(0, 10, 40, 90)
    both = torch.tensor([[0, 1]])
    assert float(local_separation(x, both, nearest=1)) == pytest.approx(
        cos(10) - (cos(40) + cos(30)) / 2
    )
    all_of_them = cos(10) - (cos(40) + cos(90) + cos(30) + cos(80)) / 4
    assert float(local_separation(x, both)) == pytest.approx(all_of_them)


def test_another_positive_is_no_negative():
    """0° has the positives 10° and 20°, so 90° is its only negative."""
    x, pairs = at(0, 10, 20, 90), torch.tensor([[0, 1], [0, 2]])
    of_0 = [cos(10) - cos(90), cos(20) - cos(90)]
    of_the_others = [cos(10) - cos(10), cos(20) - cos(10)]  # their nearest negative is the other
    expected = sum(of_0 + of_the_others) / 4
    assert float(local_separation(x, pairs, nearest=1)) == pytest.approx(expected)


def test_local_separation_of_a_collapsed_encoder_is_zero():
    assert float(local_separation(torch.ones(5, 3), torch.tensor([[0, 1]]))) == pytest.approx(0)


def test_local_separation_says_what_it_lacks():
    with pytest.raises(InputError, match="got none"):
        local_separation(torch.eye(3), torch.zeros(0, 2, dtype=torch.long))
    with pytest.raises(InputError, match="no negative among 2 vectors"):
        local_separation(torch.eye(2), torch.tensor([[0, 1]]))
