"""Tolerance and local separation against what they are in closed form."""

import math

import numpy as np
import pytest
import torch

from sentemb.evaluation import STS
from sentemb.studies import Measured, local_separation, tolerance


def at(*degrees):
    radians = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack([radians.cos(), radians.sin()], dim=1)


def cos(degrees):
    return math.cos(math.radians(degrees))


def test_tolerance_of_two_classes_in_the_plane():
    x = at(0, 60, 180, 210) * torch.tensor([[1.0], [7.0], [2.0], [0.5]])  # lengths do not count
    assert float(tolerance(x, torch.tensor([0, 0, 1, 1]))) == pytest.approx((cos(60) + cos(30)) / 2)


def test_tolerance_weighs_pairs_and_leaves_classes_of_one_out():
    x = at(0, 0, 90, 45, 10)
    pairs = [cos(0), cos(90), cos(90)]  # class 3 has three vectors, the others one
    assert float(tolerance(x, torch.tensor([3, 3, 3, 0, 7]))) == pytest.approx(sum(pairs) / 3)


def test_tolerance_is_the_mean_over_pairs_one_by_one():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 5, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 4, (40,), generator=generator)
    unit = torch.nn.functional.normalize(x, dim=1)
    pairs = [float(unit[i] @ unit[j]) for i in range(40) for j in range(40)
             if i != j and labels[i] == labels[j]]  # fmt: skip
    assert float(tolerance(x, labels)) == pytest.approx(np.mean(pairs))


def test_tolerance_of_a_collapsed_encoder_is_one():
    assert float(tolerance(torch.ones(6, 3), torch.tensor([0, 0, 1, 1, 2, 2]))) == pytest.approx(1)


def test_tolerance_needs_two_of_a_class():
    with pytest.raises(ValueError, match="all 2 labels differ"):
        tolerance(torch.eye(2), torch.tensor([0, 1]))


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
    with pytest.raises(ValueError, match="got none"):
        local_separation(torch.eye(3), torch.zeros(0, 2, dtype=torch.long))
    with pytest.raises(ValueError, match="no negative among 2 vectors"):
        local_separation(torch.eye(2), torch.tensor([[0, 1]]))


def test_all_measures_of_an_encoder_encode_each_text_once():
    vectors = dict(zip("abcd", at(0, 10, 40, 90).float().numpy(), strict=True))
    asked = []

    def encode(texts):
        asked.extend(texts)
        return np.stack([vectors[text] for text in texts])

    dev = STS("dev", ["a", "a", "a"], ["b", "c", "d"], [5.0, 3.0, 1.0])
    result = Measured(dev, ["a", "b", "d"], [0, 0, 1])(encode)
    assert sorted(asked) == ["a", "b", "c", "d"]
    assert result["spearman"] == pytest.approx(100)
    assert result["tolerance"] == pytest.approx(cos(10), abs=1e-6)
    assert result["alignment"] == pytest.approx(2 - 2 * cos(10), abs=1e-6)
    all_of_them = cos(10) - (cos(40) + cos(90) + cos(30) + cos(80)) / 4
    assert result["local_separation"] == pytest.approx(all_of_them, abs=1e-6)
