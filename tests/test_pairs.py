import pytest
import torch

from sentemb import Pairs


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (([4, 3], [5, 3], None), r"one shape \[batch, dim\], got \[4, 3\] and \[5, 3\]"),
        (([4], [4], None), "one shape"),
        (([4, 3], [4, 3], [2, 5]), r"\[candidates, 3\], or \[4, hard, 3\] .*, got \[2, 5\]"),
        (([4, 3], [4, 3], [2, 1, 3]), r"or \[4, hard, 3\] .*, got \[2, 1, 3\]"),
    ],
)
def test_shapes_that_do_not_fit(shapes, message):
    with pytest.raises(ValueError, match=message):
        Pairs(*(None if shape is None else torch.zeros(shape) for shape in shapes))


@pytest.mark.parametrize(
    ("negatives", "present", "message"),
    [
        (None, torch.ones(4, 2, dtype=torch.bool), "booleans and negatives of shape"),
        (torch.zeros(4, 3), torch.ones(4, 1, dtype=torch.bool), "booleans and negatives of shape"),
        (
            torch.zeros(4, 2, 3),
            torch.ones(4, 1, dtype=torch.bool),
            r"and shape \[4, 2\], got .*4, 1",
        ),
        (torch.zeros(4, 2, 3), torch.ones(4, 2), r"shape \[4, 2\], got torch.float32"),
    ],
)
def test_which_negatives_there_are_has_their_shape(negatives, present, message):
    with pytest.raises(ValueError, match=message):
        Pairs(torch.zeros(4, 3), torch.zeros(4, 3), negatives, present=present)


def test_which_negatives_are_a_rows_own_needs_negatives_that_are_numbered():
    for negatives in (None, torch.zeros(4, 2, 3)):
        with pytest.raises(ValueError, match=r"own needs the shape \[4, hard\], and negatives of"):
            Pairs(torch.zeros(4, 3), torch.zeros(4, 3), negatives, own=torch.zeros(4, 2).long())


def test_labels_need_a_row_each():
    with pytest.raises(ValueError, match="labels need 4 rows as anchor has, got 3"):
        Pairs(torch.zeros(4, 2), torch.zeros(4, 2), labels=torch.zeros(3))


@pytest.mark.parametrize("shape", [[3, 5], [4]])
def test_a_teacher_needs_a_row_each(shape):
    assert Pairs(torch.eye(4), torch.eye(4), teacher=torch.zeros(4, 5)).teacher.shape == (4, 5)
    with pytest.raises(ValueError, match=r"teacher needs shape \[4, teacher_dim\], got"):
        Pairs(torch.eye(4), torch.eye(4), teacher=torch.zeros(shape))


def test_float_raises_half_precision_and_leaves_double():
    half = torch.zeros(2, 2, dtype=torch.float16)
    raised = Pairs(half, half, half).float()
    assert raised.anchor.dtype == raised.positive.dtype == raised.negatives.dtype == torch.float32
    assert Pairs(half, half, teacher=half).float().teacher.dtype == torch.float32
    double = half.double()
    assert Pairs(double, double).float().anchor.dtype == torch.float64
