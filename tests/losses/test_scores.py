"""What losses compare embeddings by: the frozen values, blocks, masks, the layer that stays."""

from dataclasses import replace

import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb import Method, train
from sentemb.errors import UsageError
from sentemb.losses import (
    AlignmentUniformity,
    CoSENT,
    Debiased,
    Guided,
    InfoNCE,
    MaskSimilar,
    Matryoshka,
    NegativeSampling,
    NTXent,
    ScheduledInfoNCE,
    Sum,
    SymmetricInfoNCE,
    WithScore,
    contrast,
)
from sentemb.losses.combine import masked_negatives
from sentemb.losses.compared_by import L1, L2, Cosine, Dot
from sentemb.losses.contrast import one_way
from sentemb.twins import Siamese
from sentemb.views import View
from tests.support.helpers import random_pairs


def test_the_frozen_mean_distance(frozen):
    pairs = replace(frozen, negatives=None)
    found = replace(one_way(pairs), score=L1()).similarities()
    assert float(-found.positive.mean()) == pytest.approx(0.8552412087, abs=1e-8)
    torch.testing.assert_close(found.candidates.diagonal(), found.positive)


def test_distances_of_length_1_are_those_of_cosines():
    pairs = random_pairs(5, 4)
    near, apart = (replace(one_way(pairs), score=s).similarities() for s in (Cosine(), L2()))
    torch.testing.assert_close(-apart.candidates, (2 - 2 * near.candidates).sqrt())
    torch.testing.assert_close(-apart.positive, (2 - 2 * near.positive).sqrt())


@pytest.mark.parametrize("score", [Dot(), L1(), L2()])
def test_many_rows_are_compared_as_few(monkeypatch, score):
    pairs = random_pairs(9, 4, candidates=3)
    loss = WithScore(SymmetricInfoNCE(0.5), score)
    at_once = loss(pairs)
    monkeypatch.setattr(contrast, "BLOCK", 12)
    monkeypatch.setattr(contrast, "ROWS", 1)
    torch.testing.assert_close(loss(pairs), at_once)


def test_equal_embeddings_have_a_finite_gradient():
    for score in (L1(), L2()):
        x = torch.eye(3).requires_grad_()
        WithScore(InfoNCE(0.5), score)(replace(random_pairs(3, 3), anchor=x, positive=x)).backward()
        assert torch.isfinite(x.grad).all()


def test_every_loss_that_contrasts_is_scored():
    pairs = random_pairs(5, 4)
    plain, dot = NegativeSampling(), WithScore(NegativeSampling(), Dot())
    torch.testing.assert_close(dot(pairs), plain(pairs))
    scored = WithScore(Sum((InfoNCE(0.5), NTXent(0.5)), (1.0, 2.0)), L1())(pairs)
    by_hand = [WithScore(loss(0.5), L1())(pairs) for loss in (InfoNCE, NTXent)]
    torch.testing.assert_close(sum(scored.values()), by_hand[0] + 2 * by_hand[1])
    assert torch.equal(WithScore(InfoNCE(0.5), Cosine())(pairs), InfoNCE(0.5)(pairs))


def test_masks_stay_those_of_cosines():
    pairs = random_pairs(6, 3)
    expected = int(masked_negatives(MaskSimilar(InfoNCE(), 0.3), pairs))
    assert expected
    for loss in (
        MaskSimilar(WithScore(InfoNCE(), Dot()), 0.3),
        WithScore(MaskSimilar(InfoNCE(), 0.3), L1()),
    ):
        assert int(masked_negatives(loss, pairs)) == expected


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (AlignmentUniformity(), "AlignmentUniformity is made for cosines"),
        (Debiased(), "Debiased is made for cosines"),
        (InfoNCE(margin=10), "InfoNCE is made for cosines"),
        (Guided(InfoNCE(margin=10)), "InfoNCE is made for cosines"),
        (CoSENT(), "CoSENT contrasts no candidates"),
    ],
)
def test_what_no_score_suits(loss, message):
    with pytest.raises(UsageError, match=message):
        WithScore(loss, Dot())


def test_a_bilinear_score_is_saved_as_a_layer(mini, sentences, tmp_path):
    """The layer starts as I, and the dot product behind it is xᵀAy before it."""
    options = {"batch_size": 8, "max_steps": 2, "learning_rate": 1e-2, "select": "last"}
    pairs = [(text, text + " too") for text in sentences[:16]]
    run = train("simcse-sup", pairs, tmp_path / "new", score="bilinear", model=mini, **options)
    saved = SentenceTransformer(str(tmp_path / "new"), device="cpu")
    layer = saved[-1].linear
    assert layer.bias is None
    assert not torch.equal(layer.weight, torch.eye(96))
    before = SentenceTransformer(modules=list(saved)[:-1], device="cpu")
    x, y = (torch.from_numpy(before.encode(list(side))) for side in zip(*pairs, strict=True))
    z, w = (torch.from_numpy(saved.encode(list(side))) for side in zip(*pairs, strict=True))
    bilinear = x @ layer.weight.T @ layer.weight @ y.T
    torch.testing.assert_close(z @ w.T, bilinear, rtol=1e-3, atol=1e-3)
    assert "'score': 'bilinear'" in str(run.record)


def test_options_that_do_not_go_together(sentences):
    for method, options, message in (
        ("simclr", {"score": "bilinear"}, "compares the output of a head"),
        ("cosent", {"score": "dot", "data": None}, "contrasts no candidates"),
        ("simcse-unsup", {"score": "l3"}, "l3"),
    ):
        with pytest.raises(UsageError, match=message):
            train(method, **{"data": sentences[:64], "max_steps": 1, **options})


def test_a_temperature_that_swings(tmp_path):
    loss = ScheduledInfoNCE(lowest=0.1, highest=1.0)
    swung = []
    for quarter in range(4):
        loss.on_step_end(quarter / 4)
        swung.append(float(loss.temperature()))
    assert swung == pytest.approx([1, 0.55, 0.1, 0.55], abs=1e-6)
    again = ScheduledInfoNCE(lowest=0.1, highest=1.0)
    again.load_state_dict(loss.state_dict())
    assert float(again.temperature()) == swung[-1]
    for options in ({"lowest": 0.0}, {"lowest": 0.3}, {"cycles": 0}):
        with pytest.raises(UsageError):
            ScheduledInfoNCE(**options)


def test_a_run_moves_the_temperature_and_its_checkpoints_hold_it(mini, sentences, tmp_path):
    loss = MaskSimilar(Matryoshka(ScheduledInfoNCE(0.1, 1.0), dims=(96, 32)), 0.99)
    method = Method((View(), View()), Siamese(mini), loss)
    train(method, sentences[:64], tmp_path / "new", batch_size=16, max_steps=2, select="last")
    (part,) = method.learned
    assert float(part.progress) == 1
    assert any(name.endswith("progress") for name in method.state_dict())
