"""Cross-entropy of logits, and losses made of losses."""

import numpy as np
import pytest
import torch
from helpers import random_pairs
from scipy.special import log_softmax

from sentemb.errors import UsageError
from sentemb.losses import CrossEntropy, EachSentence, InfoNCE, NTXent, Sum
from sentemb.pairs import Pairs


def classified(logits, labels):
    n = len(logits)
    return Pairs(torch.eye(n), torch.eye(n), logits=logits, labels=labels)


def test_cross_entropy_of_the_frozen_logits():
    """CE₁ + CE₂ of METHODS' R-Drop example."""
    a = torch.tensor([[2, 0.5, -1], [0.1, 0.2, 0.3]], dtype=torch.float64)
    b = torch.tensor([[1.5, 0.7, -0.5], [0.4, 0, 0.1]], dtype=torch.float64)
    labels = torch.tensor([0, 2])
    total = sum(float(CrossEntropy()(classified(logits, labels))) for logits in (a, b))
    assert total == pytest.approx(1.4418628221, abs=1e-8)


def test_cross_entropy_agrees_with_scipy_and_has_its_gradient():
    logits = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 3, 1, 1, 2])
    expected = -log_softmax(logits.numpy(), axis=1)[np.arange(5), labels.numpy()].mean()
    assert float(CrossEntropy()(classified(logits, labels))) == pytest.approx(expected, abs=1e-12)
    assert torch.autograd.gradcheck(
        lambda x: CrossEntropy()(classified(x, labels)), logits.requires_grad_()
    )
    even = classified(torch.zeros(5, 4, dtype=torch.float64), labels)
    assert float(CrossEntropy()(even)) == pytest.approx(np.log(4), abs=1e-12)


def test_each_sentence_is_contrasted_with_its_own_kind():
    pairs = random_pairs(8, 5)
    first = Pairs(pairs.anchor[:4], pairs.positive[:4])
    second = Pairs(pairs.anchor[4:], pairs.positive[4:])
    for loss in (InfoNCE(), NTXent()):
        both = EachSentence(loss)(pairs)
        assert float(both) == pytest.approx(float(loss(first) + loss(second)), abs=1e-12)
        assert abs(float(both) - 2 * float(loss(pairs))) > 0.1
    assert torch.autograd.gradcheck(
        lambda a, p: EachSentence(NTXent(0.5))(Pairs(a, p)),
        [pairs.anchor.requires_grad_(), pairs.positive.requires_grad_()],
    )


def test_a_sum_names_and_weighs_its_terms():
    pairs = random_pairs(4, 3)
    terms = Sum((InfoNCE(), NTXent(0.5)), weights=(1.0, 0.3))(pairs)
    assert float(terms["InfoNCE"]) == pytest.approx(float(InfoNCE()(pairs)))
    assert float(terms["NTXent"]) == pytest.approx(0.3 * float(NTXent(0.5)(pairs)))
    assert torch.autograd.gradcheck(
        lambda a: sum(
            Sum((InfoNCE(0.5), NTXent(0.5)), (1.0, 0.3))(Pairs(a, pairs.positive)).values()
        ),
        pairs.anchor.requires_grad_(),
    )


def test_what_is_refused():
    with pytest.raises(UsageError, match="got 1 terms and 2 weights"):
        Sum((InfoNCE(),), weights=(1.0, 2.0))
    with pytest.raises(UsageError, match="needs class logits"):
        CrossEntropy()(random_pairs(2, 2))
    with pytest.raises(UsageError, match="needs a label in every row"):
        CrossEntropy()(classified(torch.zeros(2, 3), None))
    with pytest.raises(ValueError, match="labels need 2 rows as logits has, got 3"):
        classified(torch.zeros(2, 3), torch.zeros(3))
