"""Losses of teachers and of hard negatives with every twin that pairs rows up: exact resume."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb import Method, Settings, View, train
from sentemb.errors import UsageError
from sentemb.losses import (
    BidirectionalMargin,
    CosineDistillation,
    Guided,
    HardNegativeWeighted,
    InfoNCE,
    InfoNCEWithinViews,
    ListMLE,
    ListNet,
    MarginMSE,
    RankingConsistency,
    SimilarityKL,
    SimilarityMSE,
    Sum,
    TripletSquared,
    WeightedInfoNCE,
)
from sentemb.twins import (
    ConstantMomentum,
    Momentum,
    MomentumQueue,
    QueuedSiamese,
    Siamese,
    Teacher,
)
from tests.support import encoders
from tests.support.helpers import PowerCut, assert_bit_equal, state

SETTINGS = Settings(batch_size=8, learning_rate=1e-3, epochs=9, max_steps=4, save_steps=2)
COLUMNS = ("anchor", "positive", "negative")


def beside_contrast(loss) -> Sum:
    """A loss that does not read a queue, beside one that does."""
    return Sum((InfoNCE(), loss), (1.0, 1.0))


LOSSES = {
    "bidirectional margin": beside_contrast(BidirectionalMargin(0.01, 0.02)),
    "guided": Guided(InfoNCE(), margin=0.05),
    "guided within views": Guided(InfoNCEWithinViews(0.05)),
    "hard negatives weighed": HardNegativeWeighted(),
    "hardness": InfoNCE(hardness=9.0),
    "listmle": beside_contrast(ListMLE()),
    "listnet": beside_contrast(ListNet()),
    "margin": InfoNCE(margin=0.1),
    "margins of the teacher": beside_contrast(MarginMSE()),
    "ranking consistency": beside_contrast(RankingConsistency()),
    "similarities": beside_contrast(SimilarityKL()),
    "squared similarities": beside_contrast(SimilarityMSE()),
    "triplet": beside_contrast(TripletSquared()),
    "vectors": beside_contrast(CosineDistillation()),
    "weights": WeightedInfoNCE(hard_negative_weight=2.0, others_weight=0.5),
}
TWINS = {
    "siamese": Siamese,
    "momentum": lambda encoder: Momentum(encoder, ConstantMomentum(0.9)),
    "queue": lambda encoder: QueuedSiamese(encoder, ConstantMomentum(0.9), queue_size=16),
    "momentum queue": lambda encoder: MomentumQueue(encoder, ConstantMomentum(0.9), queue_size=16),
}
ONE_WAY = ("guided within views",)
"""What needs both views in the batch, which a momentum queue has not."""


@pytest.mark.sampled
@pytest.mark.parametrize("micro_batch", [0, pytest.param(3, marks=pytest.mark.wide)])
@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("loss", LOSSES)
def test_four_steps_are_two_and_two_resumed(loss, twin, micro_batch, triplets, tmp_path, sentences):
    if loss in ONE_WAY and twin == "momentum queue":
        pytest.skip("it contrasts within the views, of which a momentum queue contrasts one")

    def fresh() -> Method:
        made = TWINS[twin](encoders.mini("mean")).taught_by(Teacher(encoders.mini("mean")))
        return Method(tuple(map(View, COLUMNS)), made, LOSSES[loss])

    data = replace(triplets, rows=triplets.rows.select(range(24)))
    settings = replace(SETTINGS, micro_batch=micro_batch)
    whole = fresh()
    started = state(whole)
    train(whole, data, tmp_path / "whole", settings)
    assert any(not torch.equal(t, started[n]) for n, t in state(whole).items() if "query" in n)
    cut = fresh()
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "cut", settings)
    torch.manual_seed(99)
    resumed = fresh()
    train(resumed, data, tmp_path / "cut", settings, resume=True)
    assert_bit_equal(state(whole), state(resumed))
    plain = SentenceTransformer(str(tmp_path / "whole"), device="cpu")
    ours = whole.encoder.encode(sentences[:20])
    assert np.abs(plain.encode(sentences[:20]) - ours).max() <= 1e-6


@pytest.mark.parametrize("loss", [MarginMSE(), TripletSquared(), BidirectionalMargin()])
def test_a_queue_that_the_loss_does_not_read_is_refused(loss, triplets, tmp_path):
    """Also where it reads the hard negatives beside it."""
    twin = TWINS["queue"](encoders.mini("mean")).taught_by(Teacher(encoders.mini("mean")))
    method = Method(tuple(map(View, COLUMNS)), twin, loss)
    with pytest.raises(UsageError, match="does not contrast rows with the queue"):
        train(method, triplets, tmp_path / "run", SETTINGS)
