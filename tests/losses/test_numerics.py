"""Extremes, in the precision that training has: float32."""

from dataclasses import replace

import pytest
import torch

from sentemb import losses
from sentemb.errors import UsageError
from sentemb.functional import cosine
from sentemb.losses import InfoNCE, WeightedInfoNCE
from sentemb.losses.contrast import Similarities
from sentemb.method import Method
from sentemb.pairs import Pairs
from sentemb.twins import Twin
from tests.support.helpers import random_pairs
from tests.support.loss_cases import (
    GRADED,
    LOSSES,
    OWN_NEGATIVES,
    TAUGHT,
    WITH_NEGATIVES,
    in_float64,
    inputs,
    leaves,
    scalar,
)

TEMPERED = {
    "AnglE": losses.AnglE,
    "CoSENT": losses.CoSENT,
    "DCLW": losses.DCLW,
    "Debiased": losses.Debiased,
    "DimensionWise": losses.DimensionWise,
    "FlatNCE": losses.FlatNCE,
    "FlatNCEOneWay": losses.FlatNCEOneWay,
    "HardContrastive": losses.HardContrastive,
    "HardContrastiveQuantile": losses.HardContrastiveQuantile,
    "HardNegativeWeighted": losses.HardNegativeWeighted,
    "InfoNCE": losses.InfoNCE,
    "InfoNCEWithinViews": losses.InfoNCEWithinViews,
    "ListMLE": losses.ListMLE,
    "ListNet": losses.ListNet,
    "NTXent": losses.NTXent,
    "NoiseContrastive": losses.NoiseContrastive,
    "RankingConsistency": losses.RankingConsistency,
    "Sigmoid": losses.Sigmoid,
    "SimilarityKL": losses.SimilarityKL,
    "SupConIn": losses.SupConIn,
    "SupConOut": losses.SupConOut,
    "SymmetricInfoNCE": losses.SymmetricInfoNCE,
    "WeightedInfoNCE": losses.WeightedInfoNCE,
}


def in_float32(pairs):
    def cast(t):
        return None if t is None else t.float()

    return replace(
        pairs,
        anchor=pairs.anchor.float(),
        positive=pairs.positive.float(),
        negatives=cast(pairs.negatives),
        logits=cast(pairs.logits),
        **{name: cast(getattr(pairs, name)) for name in pairs.of_teacher},
    )


def run(name, loss, pairs):
    given = leaves(name, pairs)
    value = scalar(loss(replace(pairs, **given)))
    return value.detach(), torch.autograd.grad(value, list(given.values()))


def assert_finite(name, loss, pairs):
    value, gradients = run(name, loss, pairs)
    assert torch.isfinite(value)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("name", TEMPERED)
def test_at_a_temperature_of_a_thousandth(name):
    """exp(1/τ) is far beyond float32; value and gradient agree with float64."""
    pairs = inputs(name, 8, 16, negatives=True)
    temperature = 0.01 if name == "SymmetricInfoNCE" else 0.001  # its learned one is kept there
    make = lambda: TEMPERED[name](temperature)  # noqa: E731
    exact, exact_gradients = run(name, in_float64(make), pairs)
    value, gradients = run(name, make(), in_float32(pairs))
    assert torch.isfinite(value)
    assert float(value) == pytest.approx(float(exact), rel=1e-3, abs=1e-3)
    for gradient, expected in zip(gradients, exact_gradients, strict=True):
        assert float((gradient.double() - expected).norm()) <= 0.02 * float(expected.norm()) + 1e-4


@pytest.mark.parametrize("name", LOSSES)
def test_all_embeddings_equal(name):
    """A collapsed encoder has a finite loss and gradient."""
    pairs = inputs(name, 6, 4)
    same = torch.ones(6, 4)
    pairs = replace(pairs, anchor=same, positive=same)
    if pairs.negatives is not None:
        pairs = replace(pairs, negatives=same.unsqueeze(1))
    assert_finite(name, LOSSES[name](), in_float32(pairs))


@pytest.mark.parametrize("name", LOSSES)
def test_zero_embeddings(name):
    pairs = inputs(name, 6, 4)
    pairs = replace(pairs, anchor=torch.zeros(6, 4), positive=torch.zeros(6, 4))
    assert_finite(name, LOSSES[name](), in_float32(pairs))


@pytest.mark.parametrize("name", LOSSES)
def test_nan_is_not_hidden(name):
    """The trainer stops at a loss that is not a number; no loss may mask it away."""
    pairs = in_float32(inputs(name, 6, 4, negatives=True))
    for field in leaves(name, pairs):
        broken = getattr(pairs, field).clone()
        broken[2, ..., 1] = torch.nan
        assert torch.isnan(scalar(LOSSES[name]()(replace(pairs, **{field: broken}))))


def test_debiased_has_a_gradient_where_its_estimate_meets_the_floor():
    """What is to be taken away rounds to what is there: log(1 − 1) is not gone through."""
    positive = torch.tensor([0.129863], requires_grad=True)
    negatives = torch.tensor([[-0.17295, -0.26467]], requires_grad=True)
    block = Similarities(positive, negatives, torch.ones(1, 2, dtype=torch.bool), torch.arange(1))
    value = losses.Debiased(0.5, 0.5).of_rows(block).sum()
    assert all(g.isfinite().all() for g in torch.autograd.grad(value, [positive, negatives]))


@pytest.mark.parametrize("name", LOSSES)
def test_a_single_row(name):
    """Refused where there is nothing to compare with, else the value of its one row."""
    pairs = inputs(name, 1, 4)
    fine = {*GRADED, "CrossEntropy", "RDrop", "NegativeCosine"}
    if name in fine | {*OWN_NEGATIVES, *TAUGHT}:
        assert torch.isfinite(scalar(LOSSES[name]()(pairs)))
    else:
        with pytest.raises(ValueError, match=r"batch of 1 pair|batch of 2|at least 2|, got 1 rows"):
            LOSSES[name]()(pairs)


@pytest.mark.parametrize("name", GRADED)
def test_equal_scores_have_no_order(name):
    pairs = replace(inputs(name, 5, 4), labels=torch.ones(5))
    value, gradients = run(name, LOSSES[name](), pairs)
    if name not in ("Contrastive", "CosineSimilarity"):
        assert float(value) == 0
        assert all(float(gradient.abs().max()) == 0 for gradient in gradients)


def test_half_precision_of_an_encoder_is_raised():
    """Under autocast every loss sees float32, and computes in it."""
    seen = []

    class Half(Twin):
        def __init__(self):
            super().__init__(None)

        def forward(self, features, views):
            pairs = random_pairs(6, 16)
            half = Pairs(pairs.anchor.bfloat16(), pairs.positive.bfloat16())
            half = half.beside(pairs.positive.bfloat16().repeat(2, 1))
            seen.append(half)
            return half

    for name in sorted(WITH_NEGATIVES):
        loss = LOSSES[name]()
        method = Method((), Half(), loss)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = method([])["loss"]
        assert value.dtype == torch.float32
        assert torch.equal(value, scalar(loss(seen[-1].float())))


def test_info_nce_keeps_its_gradient_where_cross_entropy_has_lost_it():
    """Two opposite sentences: ξ is so small that float32 cannot tell 1 + ξ from 1."""
    pairs = random_pairs(2, 16)
    anchor = torch.stack([pairs.anchor[0], -pairs.anchor[0] + 0.3 * pairs.anchor[1]])
    positive = anchor + 0.1 * pairs.positive

    def gradient(loss, dtype):
        x = anchor.to(dtype).requires_grad_()
        return torch.autograd.grad(loss(Pairs(x, positive.to(dtype))), x)[0].double()

    def cross_entropy(pairs):
        logits = cosine(pairs.anchor, pairs.positive) / 0.05
        return torch.nn.functional.cross_entropy(logits, torch.arange(2))

    exact = gradient(InfoNCE(0.05), torch.float64)
    error = (gradient(InfoNCE(0.05), torch.float32) - exact).norm() / exact.norm()
    lost = (gradient(cross_entropy, torch.float32) - exact).norm() / exact.norm()
    assert error < 1e-4
    assert lost > 0.1


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("make", "message"),
    [
        *((lambda t=t, name=name: TEMPERED[name](t), "temperature must be a positive number")
          for name in TEMPERED for t in (0.0, -1.0, float("nan"), float("inf"))),
        (lambda: WeightedInfoNCE(hard_negative_weight=-1), "hard_negative_weight must be 0"),
        (lambda: WeightedInfoNCE(hard_negative_weight=2)(random_pairs(4, 3, 4)), "to no row"),
        (lambda: WeightedInfoNCE(others_weight=-1), "others_weight must be 0 or a positive"),
        (lambda: WeightedInfoNCE(hard_negative_weight=2)(random_pairs(4, 3)), "needs hard neg"),
        (lambda: losses.InfoNCE(margin=91), "margin is an angle of at most 90 degrees, got 91"),
        (lambda: losses.InfoNCE(hardness=-1), "hardness must be 0 or a positive number, got -1"),
        (lambda: losses.SymmetricInfoNCE(hardness=-1), "hardness must be 0 or a positive"),
        (lambda: losses.BidirectionalMargin(0.3, 0.3), "most must be above margin, 0.3; got 0.3"),
        (lambda: losses.HardContrastive(count=0), "count must be at least 1, got 0"),
        (lambda: losses.HardContrastiveQuantile(quantile=1.0), r"quantile must be in \[0, 1\)"),
        (lambda: losses.Debiased(positive_rate=1.0), r"positive_rate must be in \[0, 1\)"),
        (lambda: losses.HardNegativeWeighted(concentration=-1), "concentration must be 0 or a"),
        (lambda: losses.BarlowTwins(-1.0), "off_diagonal_weight must be 0 or a positive"),
        (lambda: losses.Triplet(0.0), "margin must be a positive"),
        (lambda: losses.Triplet()(random_pairs(3, 4)), r"hard negatives of each row, .*, got none"),
        (lambda: losses.Triplet()(random_pairs(3, 4, 3)), "belong to no row .*: give data"),
        (lambda: losses.Guided(InfoNCE(), -0.1), "margin must be 0 or a positive number, got -0.1"),
        (lambda: losses.Guided(losses.VICReg()), "VICReg contrasts no candidates, so that a teac"),
        (lambda: losses.Guided(InfoNCE())(random_pairs(3, 4)), "Guided needs a teacher's embeddi"),
        (lambda: losses.MarginMSE(0.0), "scale must be a positive number"),
        (lambda: losses.SimilarityKL(0.1, 0.0), "teacher_temperature must be a positive number"),
        (lambda: losses.MarginMSE()(random_pairs(3, 4, 3)), "belong to no row .*: give data"),
        (lambda: losses.MarginMSE()(replace(inputs("Triplet", 3, 4), labels=torch.arange(3))),
         "but these are classes, or not one for each row: give scores, or a teacher"),
        (lambda: losses.MarginMSE()(replace(inputs("MarginMSE", 3, 4), teacher_negatives=None)),
         "needs a teacher's embeddings of the negatives too"),
        (lambda: losses.CoSENT()(random_pairs(3, 4)), "CoSENT needs a score for each pair: give"),
        (lambda: losses.AnglE()(inputs("AnglE", 3, 5)), "even number of dimensions, got 5"),
        (lambda: losses.Contrastive()(replace(random_pairs(2, 4), labels=torch.tensor([5.0, 0]))),
         r"scores in \[0, 1\], got 5 in pair 1"),
        (lambda: losses.SupConOut()(inputs("CoSENT", 3, 4)), "needs classes as labels, got scores"),
        (lambda: losses.RDrop()(random_pairs(2, 4)), "RDrop needs a label in every row"),
        (lambda: losses.RDrop()(inputs("CrossEntropy", 2, 4)), "two passes over each row, got 2"),
        (lambda: losses.CrossEntropy()(random_pairs(2, 2)), "needs class logits"),
        (lambda: losses.NegativeCosine()(
            Pairs(torch.ones(2, 2), torch.ones(2, 2, requires_grad=True))), "has no negatives"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_the_learned_temperature_stays_above_a_hundredth():
    loss = losses.SymmetricInfoNCE(0.07)
    with torch.no_grad():
        loss.log_inverse_temperature.fill_(9.0)
    loss(random_pairs(3, 4)).backward()
    assert float(torch.exp(-loss.log_inverse_temperature.detach())) == pytest.approx(0.01)
    assert float(loss.log_inverse_temperature.grad) != 0
    assert repr(loss) == "SymmetricInfoNCE(temperature=0.01)"
    assert repr(losses.Sigmoid()) == "Sigmoid(temperature=0.1, bias=-10)"
