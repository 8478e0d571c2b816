import pytest
import torch

from sentemb import Pairs


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (([4, 3], [5, 3], None), r"one shape \[batch, dim\], got \[4, 3\] and \[5, 3\]"),
        (([4], [4], None), "one shape"),
        (([4, 3], [4, 3], [2, 5]), r"shape \[candidates, 3\], got \[2, 5\]"),
    ],
)
def test_shapes_that_do_not_fit(shapes, message):
    with pytest.raises(ValueError, match=message):
        Pairs(*(None if shape is None else torch.zeros(shape) for shape in shapes))


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
