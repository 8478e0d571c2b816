import math

import pytest
import torch

from sentemb.functional import alignment, cosine, uniformity


def test_frozen_values(frozen):
    """METHODS, table of frozen values."""
    assert float(alignment(frozen.anchor, frozen.positive)) == pytest.approx(0.3091942282, abs=1e-8)
    assert float(uniformity(frozen.anchor)) == pytest.approx(-2.6394109765, abs=1e-8)
    assert float(uniformity(frozen.positive)) == pytest.approx(-1.6521098200, abs=1e-8)


def test_alignment_is_two_minus_twice_the_mean_cosine(frozen):
    mean_cosine = cosine(frozen.anchor, frozen.positive).diagonal().mean()
    torch.testing.assert_close(alignment(frozen.anchor, frozen.positive), 2 - 2 * mean_cosine)


def test_uniformity_of_a_large_gaussian_sample_nears_its_limit():
    sample = torch.randn(2000, 768, generator=torch.Generator().manual_seed(0))
    assert float(uniformity(sample)) == pytest.approx(-3.990, abs=0.002)


def test_uniformity_of_a_collapsed_encoder_is_zero():
    assert float(uniformity(torch.ones(5, 3))) == pytest.approx(0, abs=1e-6)


def test_uniformity_of_three_known_vectors():
    """Distances² 2, 2 and 4."""
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    expected = math.log((2 * math.exp(-4) + math.exp(-8)) / 3)
    assert float(uniformity(x)) == pytest.approx(expected, abs=1e-12)


def test_uniformity_needs_two():
    with pytest.raises(ValueError, match="at least 2 embeddings, got 1"):
        uniformity(torch.ones(1, 3))
