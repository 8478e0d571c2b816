"""Draws depend on the row's key and the position, and are what they say they are."""

import pytest
import torch
from scipy import stats

from sentemb.views import Draws, row_key


def draws_of(rows, seed=0):
    return Draws(torch.tensor([row_key(seed, 0, row, 0) - 2**63 for row in range(rows)]))


def test_every_part_of_a_key_counts():
    keys = {
        row_key(s, e, r, v) for s in range(3) for e in range(3) for r in range(9) for v in (0, 1)
    }
    assert len(keys) == 3 * 3 * 9 * 2


def test_splitmix64_is_that_of_its_authors():
    """The first outputs for seed 1234567, as the reference implementation prints them."""
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    drawn = Draws(torch.tensor([1234567])).bits(4)[0].tolist()
    assert [bits % 2**64 for bits in drawn] == known


def test_a_row_draws_the_same_in_any_batch_and_at_any_width():
    many = draws_of(8)
    alone = Draws(many.keys[5:6])
    assert torch.equal(many.bits(40)[5, :7], alone.bits(7)[0])
    assert torch.equal(many.normal(40)[5, :7], alone.normal(7)[0])


def test_uniform_and_normal_pass_kolmogorov_and_smirnov():
    draws = draws_of(500)
    uniform = draws.uniform(40).flatten().numpy()
    assert 0 <= uniform.min() < uniform.max() < 1
    assert stats.kstest(uniform, "uniform").pvalue > 0.01
    assert stats.kstest(draws.normal(40).flatten().numpy(), "norm").pvalue > 0.01


@pytest.mark.parametrize("count", [0, 1, 3, 6])
def test_choose_is_exact_within_the_allowed_and_fair(count):
    among = torch.ones(3000, 8, dtype=torch.bool)
    among[:, [2, 5]] = False
    chosen = draws_of(3000).choose(among, torch.full((3000,), count))
    assert set(chosen.sum(dim=1).tolist()) == {count}
    assert not chosen[:, [2, 5]].any()
    each = chosen.float().mean(dim=0)[among[0]]
    assert (each - count / 6).abs().max() < 0.04
