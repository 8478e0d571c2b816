"""What is a negative of what, in blocks or at once; and the facts about gradients."""

import math
from dataclasses import replace

import pytest
import torch

from sentemb import Method, Siamese, View
from sentemb.errors import UsageError
from sentemb.losses import (
    FlatNCEOneWay,
    InfoNCE,
    MaskSimilar,
    NTXent,
    SupConOut,
    VICReg,
    WeightedInfoNCE,
    contrast,
)
from sentemb.losses.combine import masked_negatives
from sentemb.losses.contrast import Similarities, one_way, two_views
from sentemb.pairs import Pairs
from tests.support.helpers import masked, random_pairs
from tests.support.loss_cases import LOSSES, WITH_NEGATIVES, in_float64, inputs, leaves, scalar

NUMBER = torch.arange
NEED_NO_TEACHER = WITH_NEGATIVES - {"Guided"}


def value_and_gradients(name, loss, pairs):
    given = leaves(name, pairs)
    value = scalar(loss(replace(pairs, **given)))
    return value, *torch.autograd.grad(value, list(given.values()))


@pytest.mark.parametrize("name", sorted(WITH_NEGATIVES))
def test_in_blocks_as_at_once(monkeypatch, name):
    """Texts and hard negatives included; blocks of three rows."""
    loss = in_float64(LOSSES[name])
    pairs = inputs(name, 10, 6, negatives=True)
    pairs = replace(pairs, texts=torch.randint(12, (30,), generator=torch.manual_seed(0)))
    expected = value_and_gradients(name, loss, pairs)
    monkeypatch.setattr(contrast, "BLOCK", 3 * 30)
    monkeypatch.setattr(contrast, "ROWS", 1)
    for mine, other in zip(value_and_gradients(name, loss, pairs), expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-12)


def test_blocks_are_chosen_by_size(monkeypatch):
    sizes = []
    monkeypatch.setattr(contrast, "BLOCK", 40)
    monkeypatch.setattr(contrast, "ROWS", 1)
    pairs = random_pairs(7, 4, candidates=3)
    one_way(pairs).mean(lambda block: sizes.append(len(block.positive)) or block.positive)
    assert sizes == [4, 3]
    monkeypatch.setattr(contrast, "ROWS", 5)
    one_way(pairs).mean(lambda block: sizes.append(len(block.positive)) or block.positive)
    assert sizes == [4, 3, 5, 2]


def test_a_learned_temperature_learns_in_blocks_too(monkeypatch):
    pairs = random_pairs(6, 4)

    def gradient():
        loss = in_float64(LOSSES["SymmetricInfoNCE"])
        loss(pairs).backward()
        return loss.log_inverse_temperature.grad

    at_once = gradient()
    monkeypatch.setattr(contrast, "BLOCK", 12)
    monkeypatch.setattr(contrast, "ROWS", 1)
    torch.testing.assert_close(gradient(), at_once)


def test_equal_texts_are_no_negatives():
    """The third anchor is the first one's text, a negative is the second's positive."""
    pairs = replace(
        random_pairs(3, 4, candidates=2), texts=torch.tensor([1, 2, 1, 11, 12, 13, 12, 14])
    )
    one = one_way(pairs)
    assert one.similarities().is_negative.tolist() == [
        [False, True, False, True, True],  # the third's positive belongs to the same text
        [True, False, True, False, True],
        [False, True, False, True, True],
    ]
    assert masked(one) == 3
    both = two_views(pairs).similarities().is_negative
    assert both[0].tolist() == [False, True, False, False, True, False, True, True]
    assert both[4].tolist() == [True, False, True, True, False, True, False, True]
    assert torch.equal(both[:, :6], both[:, :6].T)


def test_pairs_of_one_text_each_mask_nothing_else():
    """Unsupervised: both views of a row are one text."""
    texts = torch.tensor([5, 6, 7, 5, 6, 7])
    pairs = replace(random_pairs(3, 4), texts=texts)
    assert masked(one_way(pairs)) == masked(two_views(pairs)) == 0
    doubled = replace(pairs, texts=torch.tensor([5, 6, 5, 5, 6, 5]))
    assert masked(one_way(doubled)) == 2
    alone = Pairs(pairs.anchor[:2], pairs.positive[:2])
    assert float(InfoNCE()(doubled)) != pytest.approx(float(InfoNCE()(pairs)))
    assert one_way(doubled).similarities().is_negative[0].tolist() == [False, True, False]
    assert float(one_way(alone).similarities().log_xi(1.0)[0]) == pytest.approx(
        float(one_way(doubled).similarities().log_xi(1.0)[0])
    )


@pytest.mark.parametrize("name", sorted(NEED_NO_TEACHER | {"AlignmentUniformity"}))
def test_equal_texts_do_not_repel(name):
    """What a doubled row would be pushed by is only the other row."""
    loss = in_float64(LOSSES[name])
    pairs = inputs(name, 2, 6)
    thrice = [0, 0, 1]
    doubled = Pairs(pairs.anchor[thrice], pairs.positive[thrice])
    texts = torch.tensor([1, 1, 2, 1, 1, 2])
    given = leaves(name, doubled)
    apart = scalar(loss(replace(doubled, **given, texts=texts)))
    repelled = scalar(loss(doubled))
    assert float(apart.detach()) < float(repelled.detach())
    assert all(torch.isfinite(g).all() for g in torch.autograd.grad(apart, list(given.values())))


@pytest.mark.parametrize("name", sorted(NEED_NO_TEACHER | {"AlignmentUniformity"}))
def test_a_batch_of_one_text_has_no_negatives_and_no_gradient_from_them(name):
    loss = in_float64(LOSSES[name])
    pairs = replace(inputs(name, 3, 4), texts=torch.ones(6, dtype=torch.long))
    value, *gradients = value_and_gradients(name, loss, pairs)
    assert torch.isfinite(value)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    if name in ("InfoNCE", "SymmetricInfoNCE", "NTXent", "FlatNCE", "FlatNCEOneWay", "Debiased",
                "DCLW", "HardNegativeWeighted"):  # fmt: skip
        assert float(value.detach()) == 0


def test_equal_texts_of_one_class_stay_positives():
    pairs = replace(random_pairs(4, 3), labels=torch.tensor([0, 0, 1, 1]))
    texts = torch.tensor([1, 1, 2, 3, 1, 1, 2, 3])
    assert float(SupConOut()(replace(pairs, texts=texts))) == pytest.approx(
        float(SupConOut()(pairs))
    )


def test_similar_candidates_are_masked_and_counted():
    a = torch.eye(3, dtype=torch.float64)
    near = torch.tensor([[1.0, 0.3, 0], [0, 1, 0], [0.9, 0, 1]], dtype=torch.float64)
    value = MaskSimilar(InfoNCE(1.0), above=0.6)(Pairs(a, near))
    cosines = torch.nn.functional.normalize(near, dim=1)
    without = cosines.T.clone()
    without[0, 2] = -math.inf
    expected = torch.nn.functional.cross_entropy(without, NUMBER(3))
    assert float(value) == pytest.approx(float(expected), abs=1e-12)


def block_of(similarities):
    """A block whose similarities are leaves: the positives on the diagonal."""
    n = len(similarities)
    others = ~torch.eye(n, dtype=torch.bool)
    positive = similarities.diagonal().clone().requires_grad_()
    return Similarities(positive, similarities.clone().requires_grad_(), others, NUMBER(n))


def by_similarity(loss, block):
    value = loss.of_rows(block).sum() if isinstance(loss, InfoNCE) else loss(block).sum()
    return torch.autograd.grad(value, [block.positive, block.candidates])


def cosines(n=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(n, n, dtype=torch.float64, generator=generator) - 1


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_flat_nce_gradient_is_flat(temperature):
    """∂/∂cos⁺ is −1/τ for every row, and the negatives share +1/τ."""
    block = block_of(cosines())
    of_positive, of_others = by_similarity(lambda b: b.log_xi(temperature), block)
    torch.testing.assert_close(of_positive, torch.full_like(of_positive, -1 / temperature))
    torch.testing.assert_close(of_others.sum(dim=1), torch.full_like(of_positive, 1 / temperature))


def test_flat_nce_pulls_as_hard_where_it_is_met():
    met = torch.eye(3, dtype=torch.float64) * 2 - 1  # positives at 1, all else at −1
    of_positive, _ = by_similarity(lambda b: b.log_xi(0.01), block_of(met))
    torch.testing.assert_close(of_positive, torch.full_like(of_positive, -100.0))


def test_info_nce_gradient_rows_sum_to_zero():
    """The positive is pulled by (1 − p⁺)/τ, as much as all negatives are pushed."""
    s = cosines()
    of_positive, of_others = by_similarity(InfoNCE(0.5), block_of(s))
    p = torch.softmax(s / 0.5, dim=1).diagonal()
    torch.testing.assert_close(of_positive, -(1 - p) / 0.5)
    torch.testing.assert_close(of_positive + of_others.sum(dim=1), torch.zeros_like(of_positive))


def test_relative_penalties_spread_as_the_temperature_rises():
    """Wang and Liu's r: InfoNCE's gradient by a negative, relative to that by the positive."""
    entropies = []
    for temperature in (0.02, 0.05, 0.1, 0.3, 1.0, 10.0):
        s = cosines()
        of_positive, of_others = by_similarity(InfoNCE(temperature), block_of(s))
        penalties = of_others / -of_positive.unsqueeze(1)
        others = s.masked_fill(torch.eye(6, dtype=torch.bool), -math.inf)
        torch.testing.assert_close(penalties, torch.softmax(others / temperature, dim=1))
        entropies.append(float(torch.special.entr(penalties).sum(dim=1).mean()))
    assert entropies == sorted(entropies)
    assert entropies[0] < 0.5
    assert entropies[-1] == pytest.approx(math.log(5), abs=0.01)


def test_a_batch_without_negatives_is_refused():
    for loss in (InfoNCE(), NTXent(), FlatNCEOneWay()):
        with pytest.raises(UsageError, match="batch of 1 pair has no negative"):
            loss(random_pairs(1, 4))
        assert torch.isfinite(loss(random_pairs(1, 4, candidates=3)))


@pytest.mark.parametrize("name", ["SymmetricInfoNCE", "Sigmoid"])
def test_a_frozen_temperature_stays_and_the_rest_learns_in_blocks_too(monkeypatch, name):
    loss = in_float64(LOSSES[name])
    loss.log_inverse_temperature.requires_grad_(False)
    pairs = random_pairs(6, 4)
    expected = value_and_gradients(name, loss, pairs)
    monkeypatch.setattr(contrast, "BLOCK", 12)
    monkeypatch.setattr(contrast, "ROWS", 1)
    for mine, other in zip(value_and_gradients(name, loss, pairs), expected, strict=True):
        torch.testing.assert_close(mine, other)


def test_own_hard_negatives_are_weighted_in_blocks_too(monkeypatch):
    name, loss = "WeightedInfoNCE", WeightedInfoNCE(0.5, hard_negative_weight=2.0)
    pairs = inputs(name, 7, 4)
    expected = value_and_gradients(name, loss, pairs)
    monkeypatch.setattr(contrast, "BLOCK", 3 * 14)
    monkeypatch.setattr(contrast, "ROWS", 1)
    for mine, other in zip(value_and_gradients(name, loss, pairs), expected, strict=True):
        torch.testing.assert_close(mine, other)


MASKED = {"SymmetricInfoNCE": 4, "AlignmentUniformity": 4, "Matryoshka": 4} | dict.fromkeys(
    ("NTXent", "FlatNCE", "DCLW", "Debiased", "HardNegativeWeighted", "SupConIn", "SupConOut"), 8
)
MASKED["InfoNCEWithinViews"] = 6


@pytest.mark.parametrize("name", sorted(NEED_NO_TEACHER | {"AlignmentUniformity"}))
def test_similar_candidates_are_left_out_of_every_contrast_and_counted(name):
    """Of two rows that are nearly alike: one other a row one way, two others of each of four."""
    row = random_pairs(1, 6).anchor
    alike = [row + 1e-3 * k for k in range(4)]
    pairs = Pairs(torch.cat(alike[:2]), torch.cat(alike[2:]))
    loss = in_float64(LOSSES[name])
    assert int(masked_negatives(MaskSimilar(loss, above=0.6), pairs)) == MASKED.get(name, 2)
    if name != "MaskSimilar":  # which masks them itself
        assert int(masked_negatives(MaskSimilar(loss, above=1 - 1e-12), pairs)) == 0


def test_nested_masks_are_the_stricter_one():
    pairs = random_pairs(6, 4)
    one, other = (MaskSimilar(InfoNCE(0.5), above) for above in (0.2, 0.6))
    for nested in (MaskSimilar(one, 0.6), MaskSimilar(other, 0.2)):
        assert torch.equal(nested(pairs), one(pairs))
    assert not torch.equal(one(pairs), other(pairs))


def test_masks_have_no_effect_on_losses_without_negatives(mini):
    method = Method((View(), View()), Siamese(mini), MaskSimilar(VICReg(), 0.5))
    tokens = mini.preprocess(["one sentence", "another one"])
    features = {name: tensor for name, tensor in tokens.items() if name != "modality"}
    with pytest.raises(UsageError, match="mask_above has no effect"):
        method.train()([features, features])
