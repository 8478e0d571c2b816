"""Every loss: frozen value, closed form, gradient check, invariance; a list misses none."""

from dataclasses import fields, replace

import pytest
import torch

from sentemb import losses
from sentemb.errors import UsageError
from sentemb.functional import cosine, sinkhorn
from sentemb.losses import BidirectionalMargin, Sum, WeightedInfoNCE, ranking
from sentemb.losses.contrast import Similarities
from sentemb.losses.similarity_distillation import off_diagonal
from sentemb.losses.sup_con import log_probabilities, mean_inside, mean_outside
from sentemb.pairs import Pairs
from tests.support import loss_cases as cases
from tests.support.helpers import random_pairs
from tests.support.loss_cases import CLOSED, FROZEN, LOSSES, in_float64, inputs, leaves, scalar

OF_TWO_SENTENCES = "EachSentence"  # halves the batch
DETACHED = {"DCLW", "SwappedPrediction"}  # weights or codes without the gradient that
# finite differences would see


def test_every_exported_loss_has_every_test():
    exported = set(losses.__all__) - {"Loss", "RowLoss", "Term"}
    referred = {name.partition(",")[0] for name in cases.REFERENCES}
    oracles = referred | cases.HELD_AGAINST_A_LIBRARY | cases.SUMS_OF_OTHERS
    for table, named in {
        "LOSSES": set(LOSSES),
        "FROZEN or NO_FROZEN_VALUE": {name for name, *_ in FROZEN} | cases.NO_FROZEN_VALUE,
        "CLOSED": {name for name, *_ in CLOSED},
        "REFERENCES or HELD_AGAINST_A_LIBRARY": oracles,
    }.items():
        assert named == exported, f"{table} of tests/support/loss_cases.py"
    for name in cases.NO_FROZEN_VALUE - cases.SUMS_OF_OTHERS:
        assert name in referred | cases.HELD_AGAINST_A_LIBRARY


@pytest.mark.parametrize(("name", "make", "chosen", "value"), FROZEN)
def test_frozen_value(frozen, name, make, chosen, value):
    loss = in_float64(make)
    assert type(loss).__name__ == name
    assert float(loss(chosen(frozen)).detach()) == pytest.approx(value, abs=1e-8)


@pytest.mark.parametrize(("name", "make", "chosen", "value"), FROZEN)
def test_frozen_value_in_float32(frozen, name, make, chosen, value):
    pairs, loss = chosen(frozen), make()
    known = {f.name: getattr(pairs, f.name) for f in fields(pairs)}
    numbers = {n: x.float() for n, x in known.items() if x is not None and x.is_floating_point()}
    found = float(scalar(loss(replace(pairs, **numbers))).detach())
    assert found == pytest.approx(value, abs=1e-6 * max(1, abs(value)))


def test_frozen_value_of_sncse(frozen):
    """With the authors' weight of the margins."""
    loss = Sum((WeightedInfoNCE(0.05, 0.0, 0.0), BidirectionalMargin()), (1.0, 1e-3))
    assert float(scalar(loss(frozen))) == pytest.approx(0.1865074829, abs=1e-8)


ONE_VIEW = (mean_outside, mean_inside)


@pytest.mark.parametrize("mean", ONE_VIEW)
@pytest.mark.parametrize(("temperature", "value"), [(0.1, 10.1370373350), (0.5, 2.4298072970)])
def test_frozen_value_of_one_view(frozen, mean, temperature, value):
    rows = mean(*one_view(frozen.anchor, cases.TWO_CLASSES, temperature))
    assert float(rows.mean()) == pytest.approx(value, abs=1e-8)


@pytest.mark.parametrize("mean", ONE_VIEW)
def test_rows_without_a_positive_count_as_zero(frozen, mean):
    """The authors' mean is over all rows; pytorch-metric-learning's over those with a positive."""
    rows = mean(*one_view(frozen.anchor, torch.tensor([0, 0, 1, 2]), 0.5))
    assert float(rows.mean()) == pytest.approx(1.3864867239, abs=1e-8)
    assert float(rows[rows > 0].mean()) == pytest.approx(2.7729734479, abs=1e-8)
    assert float(mean(*one_view(frozen.anchor, torch.arange(4), 0.5)).sum()) == 0


def test_frozen_values_of_the_test_geometry_of_metric_learning():
    """Unit vectors at six angles, of three classes; NT-Xent's positives are those of the class."""
    angles = torch.deg2rad(torch.tensor([0, 10, 20, 50, 60, 80], dtype=torch.float64))
    embeddings = torch.stack([angles.cos(), angles.sin()], dim=1)
    rows = mean_outside(*one_view(embeddings, torch.tensor([0, 0, 0, 1, 1, 2]), 0.1))
    assert float(rows[rows > 0].mean()) == pytest.approx(0.7200604451, abs=1e-8)
    assert float(rows.mean()) == pytest.approx(0.6000503709, abs=1e-8)


def one_view(embeddings, labels, temperature):
    rows = torch.nn.functional.normalize(embeddings, dim=1)
    others = ~torch.eye(len(rows), dtype=torch.bool)
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    number = torch.arange(len(rows))
    block = Similarities(torch.zeros(len(rows)), rows @ rows.T, others & ~same, number)
    return log_probabilities(block, labels, temperature)


def test_gradient_of_a_distillation(frozen):
    """The frozen one; orthogonal to the student, and sin θ / (N ‖x‖) long, so 0 at 180° too."""
    pairs = cases.taught(frozen)
    x, t = pairs.anchor, pairs.teacher
    found = gradient_of_anchor(losses.CosineDistillation(), pairs)
    expected = torch.tensor([-0.0714733603, -0.0931784293, -0.1032500339], dtype=torch.float64)
    torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-8)
    assert float((found * x).sum(dim=1).abs().max()) < 1e-12
    sines = (1 - torch.nn.functional.cosine_similarity(x, t).square()).sqrt()
    torch.testing.assert_close(found.norm(dim=1), sines / 4 / x.norm(dim=1))
    opposite = gradient_of_anchor(losses.CosineDistillation(), replace(pairs, teacher=-x))
    assert float(opposite.abs().max()) < 1e-8


def gradient_of_anchor(loss, pairs):
    x = pairs.anchor.clone().requires_grad_()
    return torch.autograd.grad(loss(replace(pairs, anchor=x)), x)[0]


def test_gradient_of_similarities_is_the_difference_of_the_distributions(frozen):
    """Of the cosines, at τ .5 with the diagonal; each row's adds up to 0."""
    pairs = cases.taught_pairs(frozen)
    s, t = (torch.nn.functional.normalize(x, dim=1) for x in (pairs.anchor, pairs.positive))
    student = (s @ t.T).requires_grad_()
    with pytest.MonkeyPatch.context() as patch:
        module = "sentemb.losses.similarity_distillation"
        teacher = cosine(pairs.teacher, pairs.teacher_positive)
        patch.setattr(f"{module}.similarities_of_both", lambda *_, **__: (student, teacher))
        loss = losses.SimilarityKL(0.5, 0.5)(pairs)
    (found,) = torch.autograd.grad(loss, student)
    expected = [-0.0714989207, -0.0427503340, -0.0241186994, 0.1383679541]
    assert found[0].tolist() == pytest.approx(expected, abs=1e-8)
    assert float(found.sum(dim=1).abs().max()) < 1e-12


def test_list_net_has_the_gradient_of_the_divergence(frozen):
    pairs = cases.taught_pairs(frozen)
    one, other = (
        gradient_of_anchor(loss, pairs) for loss in (losses.ListNet(), losses.SimilarityKL())
    )
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_list_mle_reads_the_order_of_the_teacher_alone(frozen):
    """Of equal ones the earlier column is the nearer."""
    pairs = cases.taught_pairs(frozen)
    level = torch.full((4, 4), 0.5, dtype=torch.float64)
    values = []
    with pytest.MonkeyPatch.context() as patch:
        student = off_diagonal(cosine(pairs.anchor, pairs.positive))
        teacher = off_diagonal(cosine(pairs.teacher, pairs.teacher_positive))
        falling = off_diagonal(level - torch.arange(4) / 10)
        for order in (teacher, teacher.exp() - 9, off_diagonal(level), falling):
            patch.setattr(ranking, "similarities_of_both", lambda *_, t=order, **__: (student, t))
            values.append(float(losses.ListMLE()(pairs)))
    assert values[1] == pytest.approx(values[0], abs=1e-12)
    assert values[3] == values[2] != values[0]


@pytest.mark.parametrize("name", cases.TAUGHT_PAIRS)
def test_similarities_need_a_teacher_of_both_views_of_any_width(name):
    pairs = inputs(name, 4, 6)
    assert pairs.teacher.shape[1] == 5
    for missing in ("teacher", "teacher_positive"):
        with pytest.raises(UsageError, match=f"{name} needs a teacher's embeddings of both views"):
            LOSSES[name]()(replace(pairs, **{missing: None}))


def test_squared_error_of_unit_vectors_is_the_cosine_on_another_scale():
    pairs = inputs("MSEDistillation", 8, 6)
    cosine = float(losses.CosineDistillation()(pairs))
    assert float(losses.MSEDistillation()(pairs)) == pytest.approx(2 / 6 * cosine, abs=1e-12)


@pytest.mark.parametrize("name", cases.TAUGHT)
def test_a_distillation_needs_a_teacher_as_wide_as_the_student(name):
    pairs = inputs(name, 4, 6)
    with pytest.raises(UsageError, match=f"{name} needs a teacher's embeddings: use method dis"):
        LOSSES[name]()(replace(pairs, teacher=None))
    with pytest.raises(UsageError, match="they have 6 and 5 dimensions: make them equal"):
        LOSSES[name]()(replace(pairs, teacher=pairs.teacher[:, :5]))


def test_the_official_scale_of_sup_con(frozen):
    pairs = replace(frozen, negatives=None, labels=cases.TWO_CLASSES)
    official = float(losses.SupConOut(0.1)(pairs)) * 0.1 / 0.07
    assert official == pytest.approx(16.1674199093, abs=1e-8)


@pytest.mark.parametrize(("name", "make", "pairs", "value"), CLOSED)
def test_closed_form(name, make, pairs, value):
    loss = in_float64(make)
    assert type(loss).__name__ == name
    tolerance = 1e-12 if pairs.anchor.dtype == torch.float64 else 1e-6
    assert float(scalar(loss(pairs)).detach()) == pytest.approx(value, abs=tolerance)


@pytest.mark.parametrize("negatives", [False, True])
@pytest.mark.parametrize("name", sorted(set(LOSSES) - DETACHED))
def test_gradient(name, negatives):
    loss, pairs = in_float64(LOSSES[name]), inputs(name, 4, 4, negatives=negatives)
    given = leaves(name, pairs)
    learned = dict(loss.named_parameters()) if isinstance(loss, torch.nn.Module) else {}

    def of(*tensors):
        fields = dict(zip(given, tensors, strict=False))
        parameters = dict(zip(learned, tensors[len(given) :], strict=True))
        batch = replace(pairs, **fields)
        if learned:
            return torch.func.functional_call(loss, parameters, (batch,))
        return scalar(loss(batch))

    assert torch.autograd.gradcheck(of, [*given.values(), *learned.values()])


def test_gradient_of_dclw_is_that_of_constant_weights():
    """With σ so great that the weights are all 1, DCLW and its gradient are FlatNCE's."""
    pairs = random_pairs(5, 4)
    a = pairs.anchor.clone().requires_grad_()
    batch = replace(pairs, anchor=a)
    (flat,) = torch.autograd.grad(losses.FlatNCE(0.5)(batch), a)
    (weighted,) = torch.autograd.grad(losses.DCLW(0.5, sigma=1e9)(batch), a)
    torch.testing.assert_close(weighted, flat, rtol=0, atol=1e-8)


@pytest.mark.parametrize("symmetric", [False, True])
def test_weights_by_hardness_are_constant_in_the_gradient(symmetric):
    """The formula once more, with softmax and a detached weight."""
    pairs = random_pairs(5, 4)
    made = losses.SymmetricInfoNCE if symmetric else losses.InfoNCE
    x, y = (part.clone().requires_grad_() for part in (pairs.anchor, pairs.positive))
    loss = in_float64(lambda: made(0.3, hardness=4.0))
    found = torch.autograd.grad(loss(Pairs(x, y)), (x, y))
    cosines = cosine(x, y)
    weights = 4 * cosines.detach().masked_fill(torch.eye(5, dtype=torch.bool), 0.0)
    logits, rows = cosines / 0.3 + weights, torch.arange(5)
    directions = [logits, logits.T] if symmetric else [logits]
    each = [torch.nn.functional.cross_entropy(one, rows) for one in directions]
    expected = torch.autograd.grad(sum(each) / len(each), (x, y))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_a_margin_of_equal_views_has_a_finite_gradient():
    x = random_pairs(4, 6).anchor.requires_grad_()
    loss = losses.InfoNCE(margin=10.0)(Pairs(x, x.detach()))
    (found,) = torch.autograd.grad(loss, x)
    assert bool(found.isfinite().all())
    assert "margin=10.0" in repr(losses.InfoNCE(margin=10.0))
    assert repr(losses.InfoNCE()) == "InfoNCE(temperature=0.05)"


def test_gradient_of_swapped_prediction_is_that_of_constant_codes():
    loss, pairs = losses.SwappedPrediction(0.5, epsilon=0.2), inputs("SwappedPrediction", 4, 4)
    codes = [sinkhorn(view, 0.2, 3) for view in pairs.logits.chunk(2)]

    def constant(logits):
        x, y = (logits / 0.5).log_softmax(dim=1).chunk(2)
        return -(codes[1] * x + codes[0] * y).sum(dim=1).mean() / 2

    logits = pairs.logits.requires_grad_()
    assert torch.autograd.gradcheck(constant, logits)
    (expected,) = torch.autograd.grad(constant(logits), logits)
    (gradient,) = torch.autograd.grad(loss(pairs), logits)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {OF_TWO_SENTENCES}))
def test_order_of_rows_does_not_matter(name):
    loss, pairs = in_float64(LOSSES[name]), inputs(name, 6, 4, negatives=True)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(1))
    logits = pairs.logits
    if logits is not None:
        logits = torch.cat([part[order] for part in logits.split(6)])
    shuffled = Pairs(
        pairs.anchor[order],
        pairs.positive[order],
        None if pairs.negatives is None else pairs.negatives[order],
        labels=None if pairs.labels is None else pairs.labels[order],
        logits=logits,
        **{
            name: getattr(pairs, name)[order]
            for name in pairs.of_teacher
            if getattr(pairs, name) is not None
        },
    )
    value = float(scalar(loss(pairs)).detach())
    assert float(scalar(loss(shuffled)).detach()) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_length_of_rows_matters_where_it_should(name):
    loss, pairs = in_float64(LOSSES[name]), inputs(name, 6, 4)
    value = float(scalar(loss(pairs)).detach())
    longer = float(scalar(loss(replace(pairs, anchor=3 * pairs.anchor))).detach())
    if name in cases.OF_LENGTHS - set(cases.CLASSIFIED) - {"BarlowTwins", "DimensionWise", "Sum"}:
        assert abs(longer - value) > 1e-3
    else:
        assert longer == pytest.approx(value, abs=1e-4)
