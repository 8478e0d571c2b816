"""Losses of both libraries have equal values in the place of each other."""

import pytest
import torch
from sentence_transformers.sentence_transformer import losses as theirs

from sentemb import Method, Pairs, Siamese, View, build_encoder
from sentemb.adapters import ForSentenceTransformers, FromSentenceTransformers
from sentemb.errors import UsageError
from sentemb.losses import CoSENT, InfoNCE

TEXTS = (["a dog", "two cars", "three"], ["a hound", "a car", "four"], ["no dog", "a bus", "one"])
SCORES = torch.tensor([0.2, 1.0, 0.6])


@pytest.fixture(scope="module")
def encoder():
    return build_encoder("mini", device="cpu").eval()


SAME = {
    "ranking": (lambda m: theirs.MultipleNegativesRankingLoss(m, scale=20), InfoNCE(0.05), 2, None),
    "hard": (lambda m: theirs.MultipleNegativesRankingLoss(m, scale=20), InfoNCE(0.05), 3, None),
    "cosent": (lambda m: theirs.CoSENTLoss(m, scale=20), CoSENT(0.05), 2, SCORES),
}


@pytest.mark.parametrize("name", SAME)
def test_ours_in_their_trainer_and_theirs_in_a_method(name, encoder):
    make, ours, columns, labels = SAME[name]
    other = make(encoder)
    features = [encoder.preprocess(list(texts)) for texts in TEXTS[:columns]]
    expected = other([dict(each) for each in features], labels)
    found = ForSentenceTransformers(encoder, ours)([dict(each) for each in features], labels)
    torch.testing.assert_close(found, expected)
    anchor, positive, *negatives = (encoder(dict(f))["sentence_embedding"] for f in features)
    pairs = Pairs(anchor, positive, torch.stack(negatives, dim=1) if negatives else None, labels)
    torch.testing.assert_close(FromSentenceTransformers(other)(pairs), expected)
    torch.testing.assert_close(ours(pairs), expected)


def test_a_method_takes_it_and_registers_the_encoder_once(encoder):
    loss = FromSentenceTransformers(theirs.MultipleNegativesRankingLoss(encoder))
    method = Method((View("anchor"), View("positive")), Siamese(encoder), loss)
    assert len(list(method.learned)) == 0
    assert repr(loss).startswith("FromSentenceTransformers(MultipleNegativesRankingLoss(")


def test_what_cannot_be_adapted_is_refused(encoder):
    with pytest.raises(UsageError, match="SoftmaxLoss"):
        FromSentenceTransformers(theirs.SoftmaxLoss(encoder, 128, 3))
    loss = FromSentenceTransformers(theirs.MultipleNegativesRankingLoss(encoder))
    rows = torch.randn(4, 8)
    with pytest.raises(UsageError, match="needs hard negatives of each row"):
        loss(Pairs(rows, rows, rows[:3]))
