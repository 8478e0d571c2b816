"""Losses made of losses, and what they are given."""

from dataclasses import replace

import pytest
import torch

from sentemb.errors import UsageError
from sentemb.losses import (
    CrossEntropy,
    EachSentence,
    FlatNCE,
    Guided,
    HardContrastive,
    HardContrastiveQuantile,
    InfoNCE,
    InfoNCEWithinViews,
    MaskSimilar,
    Matryoshka,
    NTXent,
    Sum,
    SymmetricInfoNCE,
)
from sentemb.losses.combine import (
    has_constant_gradient,
    masked_negatives,
    parts,
    total,
    warnings_of,
)
from sentemb.losses.mask_similar import mask_threshold
from sentemb.pairs import Pairs
from tests.support import loss_cases as cases
from tests.support.helpers import random_pairs


def classified(logits, labels):
    n = len(logits)
    return Pairs(torch.eye(n), torch.eye(n), logits=logits, labels=labels)


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


def test_each_sentence_knows_the_texts_of_its_half():
    """[u, v, u', v'] are the numbers: two rows of each, the first u twice."""
    pairs = replace(random_pairs(4, 3), texts=torch.tensor([1, 1, 3, 4, 1, 1, 3, 4]))
    of_u = Pairs(pairs.anchor[:2], pairs.positive[:2], texts=torch.tensor([1, 1, 1, 1]))
    of_v = Pairs(pairs.anchor[2:], pairs.positive[2:], texts=torch.tensor([3, 4, 3, 4]))
    expected = InfoNCE()(of_u) + InfoNCE()(of_v)
    assert float(EachSentence(InfoNCE())(pairs)) == pytest.approx(float(expected), abs=1e-12)
    assert float(InfoNCE()(of_u)) == 0 < float(InfoNCE()(of_v))


def test_terms_of_one_name_add_up():
    pairs = random_pairs(4, 3)
    terms = Sum((InfoNCE(0.5), InfoNCE(0.1)), weights=(1.0, 2.0))(pairs)
    expected = InfoNCE(0.5)(pairs) + 2 * InfoNCE(0.1)(pairs)
    assert float(terms["InfoNCE"]) == pytest.approx(float(expected))


def test_combinations_of_combinations():
    pairs = random_pairs(4, 6)
    nested = MaskSimilar(Sum((Matryoshka(InfoNCE(), (6, 3)), NTXent()), (1.0, 0.5)), above=0.99)
    terms = nested(pairs)
    expected = InfoNCE()(pairs) + InfoNCE()(Pairs(pairs.anchor[:, :3], pairs.positive[:, :3]))
    assert float(terms["Matryoshka"]) == pytest.approx(float(expected))
    assert [type(part).__name__ for part in parts(nested)] == [
        *("MaskSimilar", "Sum", "Matryoshka", "InfoNCE", "NTXent")
    ]
    assert mask_threshold(nested) == 0.99
    assert not has_constant_gradient(nested)
    assert has_constant_gradient(Sum((InfoNCE(), EachSentence(FlatNCE())), (1.0, 1.0)))


def test_what_is_refused():
    with pytest.raises(UsageError, match="got 1 terms and 2 weights"):
        Sum((InfoNCE(),), weights=(1.0, 2.0))
    with pytest.raises(UsageError, match="dimensions of at least 1"):
        Matryoshka(InfoNCE(), dims=(4, 0))
    with pytest.raises(UsageError, match="each length once"):
        Matryoshka(InfoNCE(), dims=(4, 4))
    with pytest.raises(UsageError, match="got 2 lengths and 1 weights"):
        Matryoshka(InfoNCE(), dims=(4, 2), weights=(1.0,))
    with pytest.raises(UsageError, match="of 8 dimensions, but the embeddings have 4"):
        Matryoshka(InfoNCE(), dims=(8, 4))(random_pairs(3, 4))
    with pytest.raises(UsageError, match=r"above is a cosine in \(0, 1\), got 1.5"):
        MaskSimilar(InfoNCE(), above=1.5)
    with pytest.raises(UsageError, match="two sentences of each pair, got 3 rows"):
        EachSentence(InfoNCE())(random_pairs(3, 4))
    with pytest.raises(UsageError, match="needs a label in every row"):
        CrossEntropy()(classified(torch.zeros(2, 3), None))
    with pytest.raises(ValueError, match="labels need 2 rows as logits has, got 3"):
        classified(torch.zeros(2, 3), torch.zeros(3))
    with pytest.raises(ValueError, match=r"texts need 6 rows .*, got 4"):
        replace(random_pairs(2, 3, candidates=2), texts=torch.zeros(4))
    with pytest.raises(ValueError, match="have no text ids"):
        random_pairs(2, 3).split_texts()


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda pairs: pairs.anchor.sum(dim=1), r"A loss has the shape \[3\]"),
        (lambda pairs: {"mine": pairs.anchor}, r"Term 'mine' has the shape \[3, 4\]"),
        (lambda pairs: 1.0, "A loss is a float"),
        (lambda pairs: None, "A loss is a NoneType"),
        (lambda pairs: {"mine": 1.0}, "Term 'mine' is a float"),
        (lambda pairs: {}, "a dict without a term"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_a_loss_is_one_number(returned, message, inside):
    loss = Matryoshka(Sum((InfoNCE(), returned), (1.0, 1.0)), dims=(4,)) if inside else returned
    with pytest.raises(UsageError, match=message):
        total(loss(random_pairs(3, 4)))


def test_options_that_choose_nothing_are_named():
    few, many = HardContrastive(count=16), HardContrastiveQuantile(quantile=0.1)
    both = Sum((few, MaskSimilar(many, 0.9)), (1.0, 1.0))
    assert [text.split()[0] for text in warnings_of(both, 8)] == [
        "HardContrastive",
        "HardContrastiveQuantile",
    ]
    assert "count 16 keeps all 16 negatives of a row" in warnings_of(few, 16)[0]
    assert warnings_of(both, 17) == warnings_of(HardContrastiveQuantile(quantile=0.0), 3) == []
    pairs = random_pairs(17, 4)
    assert float(few(pairs)) == pytest.approx(float(InfoNCE(0.2)(pairs)))
    assert float(few(random_pairs(18, 4))) < float(InfoNCE(0.2)(random_pairs(18, 4)))


@pytest.mark.parametrize(
    ("margins", "between", "within", "with_negatives"),
    [((), 1, 4, 8), ((0.2,), 2, 7, 13), ((0.0, 0.05), 1, 5, 10)],
)
def test_a_guide_counts_what_it_leaves_out(frozen, margins, between, within, with_negatives):
    for loss, chosen, expected in (
        (InfoNCE(), cases.guided_pair, between),
        (InfoNCEWithinViews(), cases.guided_pair, within),
        (InfoNCEWithinViews(), cases.guided, with_negatives),
    ):
        assert masked_negatives(Guided(loss, *margins), chosen(frozen)) == expected


@pytest.mark.parametrize("loss", [InfoNCE(), NTXent(), InfoNCEWithinViews(), SymmetricInfoNCE()])
def test_own_entries_are_no_negatives_whatever_the_guide_says(loss):
    """Of equal texts the guide has one vector, which is not nearer than itself."""
    pairs = random_pairs(4, 3)
    same = pairs.beside(torch.eye(4).repeat(2, 1))
    assert masked_negatives(Guided(loss), same) == 0
    assert float(Guided(loss)(same).detach()) == float(loss(pairs).detach())
    everything = pairs.beside(torch.cat([torch.eye(4), torch.eye(4).flip(0)]))
    found = Guided(loss, margin=1.5)(everything)
    assert float(found.detach()) == pytest.approx(0, abs=1e-6)


def test_guides_and_masks_in_losses_of_losses():
    """A mask around a guide, a guide around a sum: each loss in it is left less."""
    pairs = random_pairs(6, 4)
    taught = pairs.beside(random_pairs(12, 5, seed=3).anchor)
    one = Guided(MaskSimilar(InfoNCE(), above=0.3), margin=0.1)
    other = MaskSimilar(Guided(InfoNCE(), margin=0.1), above=0.3)
    assert float(one(taught)) == float(other(taught)) != float(Guided(InfoNCE(), 0.1)(taught))
    summed = Guided(Sum((InfoNCE(), NTXent()), (1.0, 2.0)), margin=0.1)(taught)
    assert float(summed["NTXent"]) == pytest.approx(2 * float(Guided(NTXent(), 0.1)(taught)))
    twice = Guided(Guided(InfoNCE(), margin=0.3), margin=0.1)
    assert float(twice(taught)) == float(Guided(InfoNCE(), margin=0.3)(taught))


def test_a_guide_looks_at_both_halves_of_two_sentences():
    pairs = random_pairs(8, 4).beside(random_pairs(16, 5, seed=3).anchor)
    halves = [pairs.anchor, pairs.positive, pairs.teacher, pairs.teacher_positive]
    first, second = (
        Pairs(a, p, teacher=t, teacher_positive=u)
        for a, p, t, u in zip(*(x.chunk(2) for x in halves), strict=True)
    )
    found = EachSentence(Guided(InfoNCE()))(pairs)
    expected = Guided(InfoNCE())(first) + Guided(InfoNCE())(second)
    assert float(found) == pytest.approx(float(expected), abs=1e-12)
