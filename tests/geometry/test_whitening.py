"""Whitening and all-but-the-top do what they say to the vectors they are fitted to."""

import pytest
import torch

from sentemb.errors import InputError, UsageError
from sentemb.geometry.whitening import all_but_the_top, whitening


@pytest.fixture
def x():
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([9.0, 4, 3, 2, 1, 0.5])
    return torch.randn(200, 6, generator=generator, dtype=torch.float64) * scale + 3


def covariance(x):
    return torch.cov(x.T, correction=0)


@pytest.mark.parametrize("dims", [None, 6, 3, 1])
def test_whitening_gives_identity_covariance(x, dims):
    white = whitening(x, dims)(x)
    assert white.shape == (200, dims or 6)
    torch.testing.assert_close(
        white.mean(dim=0), torch.zeros(dims or 6).double(), atol=1e-9, rtol=0
    )
    expected = torch.eye(dims or 6).double()
    torch.testing.assert_close(covariance(white).view_as(expected), expected, atol=1e-9, rtol=0)


def test_whitening_keeps_mahalanobis_distances(x):
    white = whitening(x)(x)
    difference = x[0] - x[1]
    expected = difference @ torch.linalg.inv(covariance(x)) @ difference
    torch.testing.assert_close((white[0] - white[1]).square().sum(), expected)


def test_whitening_keeps_the_components_of_most_variance(x):
    values = torch.linalg.eigvalsh(covariance(x)).flip(0)
    assert whitening(x, 2).variance == pytest.approx(float(values[:2].sum() / values.sum()))


@pytest.mark.parametrize("components", [1, 2, 5])
def test_exactly_the_top_components_are_removed(x, components):
    cleaned = all_but_the_top(x, components)(x)
    values, axes = torch.linalg.eigh(covariance(x))
    values, axes = values.flip(0), axes.flip(1)
    assert float((cleaned @ axes[:, :components]).abs().max()) < 1e-9
    kept = (x - x.mean(dim=0)) @ axes[:, components:]
    torch.testing.assert_close(cleaned @ axes[:, components:], kept)
    left = torch.linalg.eigvalsh(covariance(cleaned)).flip(0)
    torch.testing.assert_close(left[: 6 - components], values[components:])
    again = all_but_the_top(x, components)
    torch.testing.assert_close(again.weight @ again.weight, again.weight)
    assert again.variance == pytest.approx(float(values[:components].sum() / values.sum()))


def test_a_direction_without_variance_is_left_out(x):
    flat = torch.cat([x, x[:, :1] + 7], dim=1)
    assert whitening(flat).weight.shape == (7, 6)
    with pytest.raises(InputError, match="vary in 6 directions only, 7 are asked for"):
        whitening(flat, 7)


def test_wrong_input(x):
    with pytest.raises(InputError, match=r"6 distinct rows whiten at most 5 dimensions, 6 are"):
        whitening(x[:6])
    assert whitening(x[:6], 5).weight.shape == (6, 5)
    for fit in (whitening, lambda x: all_but_the_top(x, 1)):
        with pytest.raises(InputError, match="vectors of 200 distinct rows do not differ"):
            fit(torch.full((200, 6), 0.1))
    for dims in (0, 7, -1):
        with pytest.raises(UsageError, match="from 1 to 6, the width of the vectors"):
            whitening(x, dims)
    for components in (0, 6):
        with pytest.raises(UsageError, match="from 1 to 5, because the vectors vary"):
            all_but_the_top(x, components)
