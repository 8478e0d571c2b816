"""WhitenedCSE's head: its frozen value, what whitening means, its gradient, what it rejects."""

from dataclasses import replace

import pytest
import torch

from sentemb import Settings, train
from sentemb.errors import UsageError
from sentemb.methods import whitenedcse
from sentemb.twins import GroupWhitening
from sentemb.twins.group_whitening import inverse_root, same_groups

ORDER = torch.tensor([2, 0, 3, 1])


@pytest.fixture
def frozen():
    i = torch.arange(6, dtype=torch.float64).unsqueeze(1)
    return torch.sin((i + 1) * (torch.arange(4, dtype=torch.float64) + 2) / 3)


def test_frozen_value(frozen):
    """Computed once in float64 by independent code."""
    found = GroupWhitening(4, 2).whitened(frozen, ORDER)
    first = [0.7996165116, 1.2892134545, 1.2417659449, 1.3460584750]
    assert found[0].tolist() == pytest.approx(first, abs=1e-8)
    assert float(found.square().sum()) == pytest.approx(24)
    assert float(torch.cosine_similarity(*found[:2], dim=0)) == pytest.approx(
        0.6600425189, abs=1e-8
    )


def test_each_group_has_the_identity_as_covariance(frozen):
    found = GroupWhitening(4, 2).whitened(frozen, ORDER)
    for group in ORDER.view(2, 2):
        some = found[:, group]
        torch.testing.assert_close(some.T @ some / 6, torch.eye(2, dtype=torch.float64))
        assert float(some.mean(dim=0).abs().max()) < 1e-12


def test_the_order_is_drawn_and_the_gradient_is_right_also_of_equal_eigenvalues(frozen):
    head, drawn = GroupWhitening(4, 2), []
    for _ in range(8):
        with same_groups(head):
            alike = head(frozen)
        drawn.append(head(frozen))
        assert torch.equal(head(frozen), drawn[-1])
        head.on_step_end(0.5)
        with same_groups(head):
            assert torch.equal(head(frozen), alike)
    assert len({round(float(x[0, 0]), 8) for x in drawn}) > 1
    assert torch.autograd.gradcheck(lambda x: head.whitened(x, ORDER), frozen.requires_grad_())
    eye = torch.eye(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: inverse_root(x @ x.T), eye)


def test_what_it_rejects(frozen):
    with pytest.raises(UsageError, match=r"group_width must divide the 4 dimensions .*, got 3"):
        GroupWhitening(4, 3)
    with pytest.raises(UsageError, match="a batch of more than 2 rows, got 2"):
        GroupWhitening(4, 2)(frozen[:2])
    head = GroupWhitening(4, 2).bfloat16()
    assert head(frozen.bfloat16()).dtype == torch.bfloat16


def test_it_is_computed_in_float32_under_autocast(frozen):
    """Forward and backward: a covariance of half precision has no inverse root."""
    head, given = GroupWhitening(4, 2), frozen.float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = head.whitened(given, ORDER)
    found.square().sum().backward()
    torch.testing.assert_close(found, head.whitened(given, ORDER), rtol=0, atol=0)


def test_what_its_repr_says():
    head = GroupWhitening(4, 2)
    assert "width=2" in repr(head)


def test_wide_groups_are_tried_with_as_many_rows_as_they_need(mini, unlabelled):
    """96 dimensions, so groups of 12 and batches of 13 or more."""
    method = whitenedcse(mini, group_width=12)
    assert method.twin.least_rows == 13
    few = replace(unlabelled, rows=unlabelled.rows.select(range(13)))
    assert train(method, few, settings=Settings(batch_size=13, max_steps=1)).steps == 1
    with pytest.raises(UsageError, match="A batch of 12 is too small for the head, which needs 13"):
        train(method, few, settings=Settings(batch_size=12, max_steps=1))
