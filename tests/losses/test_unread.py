"""What a loss is given and does not read is noticed, and nothing else is."""

import logging
from dataclasses import replace

import pytest
import torch

from sentemb import InfoNCE, Method, Siamese, View
from sentemb.losses import CrossEntropy, EachSentence, Sum, SupConOut, Triplet, VICReg
from sentemb.losses.unread import unread
from sentemb.pairs import OffDropoutPairs
from tests.support.loss_cases import LOSSES, OWN_NEGATIVES, WITH_NEGATIVES, in_float64, inputs

READ_NEGATIVES = WITH_NEGATIVES | set(OWN_NEGATIVES)
READ_LABELS = {
    "AnglE",
    "CoSENT",
    "Contrastive",
    "CosineSimilarity",
    "CrossEntropy",
    "MarginMSE",
    "RDrop",
} | {
    *("SupConIn", "SupConOut"),
}


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_negatives_that_a_loss_does_not_read(name):
    loss, pairs = in_float64(LOSSES[name]), inputs(name, 8, 6)
    if name != "EachSentence":  # whose twins give none
        pairs = replace(pairs, negatives=pairs.anchor.roll(1, 0).unsqueeze(1))
        assert ("negatives" in unread(loss, pairs)) == (name not in READ_NEGATIVES)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_labels_that_a_loss_does_not_read(name):
    loss, pairs = in_float64(LOSSES[name]), inputs(name, 8, 6)
    if pairs.labels is None:
        pairs = replace(pairs, labels=torch.arange(8))
    assert ("labels" in unread(loss, pairs)) == (name not in READ_LABELS)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_embeddings_without_dropout_that_a_loss_does_not_read(name):
    loss, pairs = in_float64(LOSSES[name]), inputs(name, 8, 6)
    pairs = OffDropoutPairs(**vars(pairs), clean=pairs.positive)
    if name in {"SupConIn", "SupConOut"}:
        with pytest.raises(Exception, match="embeddings that only stand for them"):
            loss(pairs)
    elif name != "EachSentence":
        reads = name in WITH_NEGATIVES | {"WeightedInfoNCE"}
        assert ("clean" in unread(loss, pairs)) == (not reads)


def test_a_sum_reads_what_a_term_reads():
    pairs = replace(
        inputs("InfoNCE", 8, 6), negatives=torch.ones(8, 6), labels=torch.arange(8), logits=None
    )
    assert unread(Sum((VICReg(), SupConOut()), (1.0, 1.0)), pairs) == []
    assert unread(VICReg(), pairs) == ["negatives", "labels"]
    assert unread(Triplet(), replace(pairs, labels=None)) == []
    joint = Sum((CrossEntropy(), EachSentence(InfoNCE())), (1.0, 1.0))
    classified = replace(pairs, negatives=None, logits=torch.randn(8, 9))
    assert unread(joint, classified) == []


def test_a_method_warns_once(mini, caplog):
    tokens = mini.preprocess(["one sentence", "another one"])
    features = {name: tensor for name, tensor in tokens.items() if name != "modality"}
    views = (View("anchor"), View("positive"), View("negative"))
    for loss, said in ((VICReg(), 1), (InfoNCE(), 0)):
        caplog.clear()
        method = Method(views, Siamese(mini), loss).train()
        with caplog.at_level(logging.WARNING, "sentemb"):
            method([features] * 3)
            method([features] * 3)
        assert caplog.text.count("does not read the negatives") == said
