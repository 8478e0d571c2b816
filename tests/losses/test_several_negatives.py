"""Several hard negatives a row: frozen values, loops over rows, and rows that have fewer."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sentemb import Pairs
from sentemb.losses import (
    Guided,
    InfoNCE,
    InfoNCEWithinViews,
    MarginMSE,
    Triplet,
    TripletSquared,
    WeightedInfoNCE,
    contrast,
)
from sentemb.losses.compared_by import Cosine
from sentemb.losses.contrast import one_way
from sentemb.twins import Queue
from tests.support.helpers import random_pairs
from tests.support.loss_cases import LOSSES, OWN_NEGATIVES, WITH_NEGATIVES, in_float64, scalar

HARD = sorted({*WITH_NEGATIVES, *OWN_NEGATIVES})


@pytest.fixture(scope="module")
def two(frozen) -> Pairs:
    """The frozen inputs with two hard negatives a row; the first of each is the frozen one."""
    i = torch.arange(4, dtype=torch.float64).reshape(4, 1, 1)
    h = torch.arange(2, dtype=torch.float64).reshape(1, 2, 1)
    j = torch.arange(3, dtype=torch.float64).reshape(1, 1, 3)
    return replace(frozen, negatives=torch.cos(i + 2 * j + 0.5 + 1.5 * h))


@pytest.fixture(scope="module")
def ragged(two) -> Pairs:
    """The same, but the third row has one alone; what stands in the place is not read."""
    present = torch.ones(4, 2, dtype=torch.bool)
    present[2, 1] = False
    negatives = two.negatives.clone()
    negatives[2, 1] = torch.nan
    return replace(two, negatives=negatives, present=present)


# METHODS2, section 2, computed in float64 by independent code.
@pytest.mark.parametrize(
    ("loss", "batch", "value"),
    [
        (InfoNCE(0.05), "two", 1.8801737465),
        (InfoNCE(0.5), "two", 1.5125334987),
        (WeightedInfoNCE(0.05, others_weight=0.0), "two", 0.8723920384),
        (WeightedInfoNCE(0.5, others_weight=0.0), "two", 0.9720242761),
        (WeightedInfoNCE(0.05, hard_negative_weight=2.0), "two", 1.9538684239),
        (WeightedInfoNCE(0.5, hard_negative_weight=2.0), "two", 1.6774681907),
        (InfoNCE(0.05), "ragged", 1.8029375829),
        (InfoNCE(0.5), "ragged", 1.4319962639),
        (WeightedInfoNCE(0.05, others_weight=0.0), "ragged", 0.5559576024),
        (WeightedInfoNCE(0.5, others_weight=0.0), "ragged", 0.8477854147),
        (InfoNCE(0.05), "frozen", 1.2452892592),
        (InfoNCE(0.5), "frozen", 1.1090009857),
    ],
)
def test_frozen_value(request, loss, batch, value):
    pairs = request.getfixturevalue(batch)
    assert float(loss(pairs)) == pytest.approx(value, abs=1e-9)
    single = loss(replace(pairs.map(torch.Tensor.float)))
    assert float(single) == pytest.approx(value, abs=1e-5)


def test_margins_of_a_teacher_of_two_negatives(two):
    i, j = (torch.arange(n, dtype=torch.float64) for n in (4, 5))
    first = torch.sin((i[:, None] + 2) * (j + 1) / 2)
    second = first + 0.3 * torch.cos((i[:, None] + 1) * (j + 3))
    third = torch.cos(i[:, None, None] + j + torch.arange(2).reshape(1, 2, 1))
    taught = two.beside(torch.cat([first, second, third.flatten(0, 1)]))
    assert taught.teacher_negatives.shape == (4, 2, 5)
    assert float(MarginMSE()(taught)) == pytest.approx(0.3762931052, abs=1e-9)


def drawn(seed: int, rows: int = 6, hard: int = 3, dim: int = 5) -> Pairs:
    """Random pairs whose rows have none to all of their negatives, each at least once."""
    generator = torch.Generator().manual_seed(seed)
    negatives = torch.randn(rows, hard, dim, dtype=torch.float64, generator=generator)
    present = torch.rand(rows, hard, generator=generator) < 0.6
    present[0], present[1] = False, True
    return replace(random_pairs(rows, dim, seed=seed), negatives=negatives, present=present)


def by_loops(pairs: Pairs, own: float, others: float, temperature: float) -> float:
    a, p, z = (x.numpy() for x in (pairs.anchor, pairs.positive, pairs.negatives))

    def exponential(x, y):
        return np.exp(x @ y / np.linalg.norm(x) / np.linalg.norm(y) / temperature)

    values = []
    for i, anchor in enumerate(a):
        below = sum(exponential(anchor, positive) for positive in p)
        for k, row in enumerate(z):
            for h, negative in enumerate(row):
                if pairs.present[k, h]:
                    below += (own if i == k else others) * exponential(anchor, negative)
        values.append(-np.log(exponential(anchor, p[i]) / below))
    return float(np.mean(values))


@pytest.mark.parametrize("weights", [(1.0, 1.0), (2.0, 1.0), (0.5, 0.25), (1.0, 0.0)])
def test_against_loops(weights):
    for seed in range(4):
        pairs = drawn(seed)
        found = float(WeightedInfoNCE(0.3, *weights)(pairs))
        assert found == pytest.approx(by_loops(pairs, *weights, 0.3), abs=1e-10)
        if weights == (1.0, 1.0):
            assert float(InfoNCE(0.3)(pairs)) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("margins", [(0.0, 0.0), (0.2, 0.0), (0.0, 0.3)])
def test_a_guide_within_views_against_loops(margins):
    """The loss of GIST: also other anchors, and of the positive the other positives."""
    for seed in range(3):
        pairs = beside_teacher("Guided", drawn(seed))
        x, y, z = pairs.anchor, pairs.positive, pairs.negatives
        gx, gy, gz = pairs.teacher, pairs.teacher_positive, pairs.teacher_negatives

        def cos(one, other):
            return float(torch.cosine_similarity(one, other, dim=0))

        values = []
        for i in range(len(x)):
            own = cos(gx[i], gy[i])
            most = own - margins[0] - margins[1] * abs(own)
            others = [j for j in range(len(x)) if j != i]
            found = [(cos(x[i], y[j]), cos(gx[i], gy[j])) for j in others]
            found += [(cos(x[i], x[j]), cos(gx[i], gx[j])) for j in others]
            found += [(cos(y[i], y[j]), cos(gy[i], gy[j])) for j in others]
            found += [(cos(x[i], z[k, h]), cos(gx[i], gz[k, h]))
                      for k, h in pairs.present.nonzero().tolist()]  # fmt: skip
            kept = [np.exp((s - cos(x[i], y[i])) / 0.3) for s, guide in found if guide <= most]
            values.append(np.log1p(sum(kept)))
        loss = Guided(InfoNCEWithinViews(0.3), *margins)
        assert float(loss(pairs)) == pytest.approx(np.mean(values), abs=1e-10)


@pytest.mark.parametrize("name", sorted(WITH_NEGATIVES - {"Guided", "WithScore"}))
def test_hard_negatives_of_all_rows_are_candidates_of_each(name):
    """Where they have no weight, two a row are twice as many that belong to no row."""
    loss, pairs = in_float64(LOSSES[name]), beside_teacher(name, drawn(4))
    flat = replace(pairs, negatives=pairs.negatives[pairs.present], present=None,
                   teacher_negatives=None)  # fmt: skip
    expected = float(scalar(loss(flat)).detach())
    assert float(scalar(loss(pairs)).detach()) == pytest.approx(expected, abs=1e-12)


def test_triplets_against_loops():
    pairs = drawn(0)
    far = [
        (pairs.anchor[i] - pairs.negatives[i, h]).norm()
        for i, h in pairs.present.nonzero().tolist()
    ]
    near = (pairs.anchor - pairs.positive).norm(dim=1)[pairs.present.nonzero()[:, 0]]
    far = torch.stack(far)
    for loss, power in ((Triplet(1.0), 1), (TripletSquared(1.0), 2)):
        expected = (near**power - far**power + 1).relu().mean()
        torch.testing.assert_close(loss(pairs), expected)


def beside_teacher(name: str, pairs: Pairs) -> Pairs:
    """The pairs with the teacher or the labels that a loss reads."""
    if name.startswith("SupCon"):
        return replace(pairs, labels=torch.arange(len(pairs.anchor)) % 3)
    generator = torch.Generator().manual_seed(9)
    count = 2 * len(pairs.anchor) + pairs.negatives.shape[:-1].numel()
    return pairs.beside(torch.randn(count, 4, dtype=torch.float64, generator=generator))


@pytest.mark.sampled
@pytest.mark.parametrize("name", HARD)
def test_gradient(name):
    loss, pairs = in_float64(LOSSES[name]), beside_teacher(name, drawn(1, rows=5, hard=2, dim=6))

    def of(negatives):
        return scalar(loss(replace(pairs, negatives=negatives)))

    given = pairs.negatives.clone().requires_grad_()
    assert torch.autograd.gradcheck(of, given, atol=1e-6)
    (gradient,) = torch.autograd.grad(of(given), given)
    assert not gradient[~pairs.present].any()


@pytest.mark.parametrize("name", HARD)
def test_what_is_absent_is_as_if_it_were_not_there(name):
    """Whatever stands in its place; and a column of which no row has one changes nothing."""
    loss, pairs = in_float64(LOSSES[name]), beside_teacher(name, drawn(2))
    value = float(scalar(loss(pairs)).detach())
    other = pairs.negatives.masked_fill(~pairs.present.unsqueeze(2), torch.nan)
    assert float(scalar(loss(replace(pairs, negatives=other))).detach()) == value
    wider = replace(
        pairs,
        negatives=torch.cat([pairs.negatives, pairs.negatives[:, :1]], dim=1),
        present=torch.cat([pairs.present, torch.zeros(6, 1, dtype=torch.bool)], dim=1),
        teacher_negatives=None
        if pairs.teacher_negatives is None
        else torch.cat([pairs.teacher_negatives, pairs.teacher_negatives[:, :1]], dim=1),
    )
    assert float(scalar(loss(wider)).detach()) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("name", HARD)
def test_beside_a_queue_each_row_keeps_its_own(name):
    """With nothing in the queue, the loss is that of the rows and their own negatives."""
    loss, pairs = in_float64(LOSSES[name]), beside_teacher(name, drawn(2))
    queued = Queue(4, 5).double().as_negatives_of(replace(pairs, teacher_negatives=None))
    if pairs.teacher_negatives is not None:
        queued = replace(queued, teacher_negatives=pairs.teacher_negatives[pairs.present])
    assert queued.negatives.shape == (int(pairs.present.sum()), 5)
    expected = float(scalar(loss(pairs)).detach())
    assert float(scalar(loss(queued)).detach()) == pytest.approx(expected, abs=1e-12)


def test_weights_beside_a_queue_against_a_loop():
    """A queue's embeddings weigh 1, whatever the weights of hard negatives."""
    pairs, queue = drawn(0), Queue(4, 5).double()
    queue.add(torch.randn(4, 5, dtype=torch.float64), None)
    loss = WeightedInfoNCE(1.0, hard_negative_weight=2.0, others_weight=0.5)
    s = torch.cosine_similarity(pairs.anchor[:, None], pairs.positive, dim=2)
    own = torch.cosine_similarity(pairs.anchor[:, None, None], pairs.negatives, dim=3)
    past = torch.cosine_similarity(pairs.anchor[:, None], queue.contents(), dim=2)
    values = []
    for i in range(len(s)):
        below = s[i].exp().sum() + past[i].exp().sum()
        for k, h in pairs.present.nonzero().tolist():
            below = below + (2.0 if k == i else 0.5) * own[i, k, h].exp()
        values.append(below.log() - s[i, i])
    torch.testing.assert_close(loss(queue.as_negatives_of(pairs)), torch.stack(values).mean())


@pytest.mark.parametrize("name", sorted(WITH_NEGATIVES))
def test_without_any_in_a_batch_it_is_the_loss_of_the_pairs(name):
    loss, pairs = in_float64(LOSSES[name]), beside_teacher(name, drawn(3))
    none = replace(pairs, present=torch.zeros_like(pairs.present))
    bare = replace(pairs, negatives=None, present=None, teacher_negatives=None)
    expected = float(scalar(loss(bare)).detach())
    assert float(scalar(loss(none)).detach()) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", sorted({*OWN_NEGATIVES} - {"WeightedInfoNCE"}))
def test_without_any_in_a_batch_a_loss_of_them_alone_is_zero(name):
    loss, pairs = in_float64(LOSSES[name]), beside_teacher(name, drawn(3))
    anchor = pairs.anchor.clone().requires_grad_()
    value = loss(replace(pairs, anchor=anchor, present=torch.zeros_like(pairs.present)))
    (gradient,) = torch.autograd.grad(value, anchor)
    assert float(value.detach()) == 0
    assert not gradient.any()


@pytest.mark.parametrize("name", HARD)
def test_in_blocks_as_at_once(monkeypatch, name):
    loss, pairs = in_float64(LOSSES[name]), beside_teacher(name, drawn(4, rows=7))
    texts = torch.randint(20, (14 + 21,), generator=torch.manual_seed(0))
    pairs = replace(pairs, texts=texts)

    def found():
        given = [x.clone().requires_grad_() for x in (pairs.anchor, pairs.negatives)]
        value = scalar(loss(replace(pairs, anchor=given[0], negatives=given[1])))
        return value.detach(), *torch.autograd.grad(value, given)

    expected = found()
    monkeypatch.setattr(contrast, "BLOCK", 60)
    monkeypatch.setattr(contrast, "ROWS", 1)
    for mine, other in zip(found(), expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-12)


def test_gradients_of_the_similarities_of_a_row_sum_to_zero(two):
    block = replace(one_way(two), score=Cosine()).similarities()
    positive, candidates = block.positive.clone(), block.candidates.clone()
    given = [positive.requires_grad_(), candidates.requires_grad_()]
    value = InfoNCE(0.5).of_rows(replace(block, positive=given[0], candidates=given[1])).sum()
    of_positive, of_candidates = torch.autograd.grad(value, given)
    torch.testing.assert_close(of_positive + of_candidates.sum(dim=1), torch.zeros_like(positive))


def test_own_is_the_shape_not_the_number():
    """As many as rows, but nobody's own: a queue that happens to be as long as the batch."""
    pairs = random_pairs(4, 3, candidates=4)
    assert one_way(pairs).owners is None
    own = one_way(replace(pairs, negatives=pairs.negatives.unsqueeze(1)))
    assert own.owners.tolist() == [-1, -1, -1, -1, 0, 1, 2, 3]
    assert (
        one_way(drawn(0, rows=3)).owners.tolist()[-3:]
        == drawn(0, rows=3).rows_of_negatives().tolist()[-3:]
    )


def test_a_negative_that_is_the_rows_positive_by_its_text_is_left_out_for_that_row_alone():
    """Row 0's second negative has the text of row 1's positive; row 1's first is absent."""
    present = torch.tensor([[True, True], [False, True]])
    texts = torch.tensor([1, 2, 3, 4, 5, 4, 6, 7])
    pairs = replace(random_pairs(2, 3), negatives=torch.ones(2, 2, 3).double(), present=present,
                    texts=texts)  # fmt: skip
    found = one_way(pairs).similarities().is_negative
    assert found.tolist() == [[False, True, True, True, True], [True, False, True, False, True]]
    assert int(one_way(pairs).masked()) == 1


@pytest.mark.parametrize(
    ("weights", "count"), [((1, 1), 4), ((2, 0), 3), ((0, 0.5), 3), ((0, 0), 2)]
)
def test_candidates_without_a_weight_are_not_counted_as_masked(weights, count):
    """Both rows' positive is one text, both rows' negative the first anchor's, as a negation."""
    texts = torch.tensor([1, 2, 3, 3, 1, 1])
    pairs = replace(random_pairs(2, 3), negatives=torch.ones(2, 1, 3).double(), texts=texts)
    assert int(WeightedInfoNCE(0.5, *weights).masked(pairs)) == count
