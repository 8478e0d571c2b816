"""Hard negatives of each row through every twin that takes them; some rows have fewer."""

from dataclasses import replace

import pytest
import torch

from sentemb.losses import InfoNCE, WeightedInfoNCE
from sentemb.method import Method
from sentemb.pairs import QueuePairs
from sentemb.training.collator import Collator
from sentemb.twins import Momentum, MomentumQueue, QueuedSiamese, Siamese, TwoTower
from sentemb.twins.ema import ConstantMomentum
from sentemb.twins.heads import between
from sentemb.views import View
from tests.support.helpers import numbered, without_dropout

VIEWS = tuple(map(View, ("anchor", "positive", "negative", "negative_2")))
ROWS = [
    {"anchor": f"a cat {n}", "positive": f"a small cat {n}", "negative": f"a dog {n}",
     "negative_2": "" if n % 2 else f"a car {n}"} for n in range(6)
]  # fmt: skip
ROWS[3]["negative"] = ""
PRESENT = torch.tensor([[row["negative"] != "", row["negative_2"] != ""] for row in ROWS])


def head(encoder):
    return between(96, 96)


def features(encoder, rows=ROWS, views=VIEWS):
    return Collator(encoder, views, 16, 0)(numbered(rows))["views"]


@pytest.fixture
def encoder(mini):
    return without_dropout(mini)


@pytest.mark.parametrize(
    "make",
    [
        Siamese,
        lambda e: Siamese(e, projector=head(e)),
        lambda e: TwoTower(e, e, head(e), head(e)),
        lambda e: Momentum(e, ConstantMomentum(0.9), head(e)),
    ],
)
def test_each_row_has_its_own_and_its_texts_row_by_row(encoder, make):
    batch = features(encoder)
    pairs = make(encoder).train()(batch, VIEWS)
    assert pairs.negatives.shape == (6, 2, 96)
    assert torch.equal(pairs.present, PRESENT)
    ids = [view["text_ids"] for view in batch]
    assert torch.equal(pairs.texts[:12], torch.cat(ids[:2]))
    assert torch.equal(pairs.texts[12:].view(6, 2), torch.stack(ids[2:], dim=1))


def test_what_is_missing_leaves_no_trace(encoder):
    """Neither in the loss nor through a batch normalisation: the positive stands in its place."""
    twin = Siamese(encoder, projector=head(encoder)).train()
    pairs = twin(features(encoder), VIEWS)
    torch.testing.assert_close(
        pairs.negatives[~PRESENT],
        pairs.positive[:, None].expand(-1, 2, -1)[~PRESENT],
        rtol=0,
        atol=0.5,  # of the same batch normalisation, other rows
    )
    one = Siamese(encoder).train()
    alone = one(features(encoder, [ROWS[1]]), VIEWS)
    several = one(features(encoder), VIEWS)
    torch.testing.assert_close(several.negatives[1, 0], alone.negatives[0, 0])
    torch.testing.assert_close(several.negatives[1, 1], several.positive[1])


def test_three_views_are_what_they_were(encoder):
    """One negative of every row: the values of the triplets, bit for bit."""
    views, rows = VIEWS[:3], [row | {"negative": f"dog {n}"} for n, row in enumerate(ROWS)]
    batch = features(encoder, rows, views)
    pairs = Siamese(encoder).train()(batch, views)
    without = [{k: v for k, v in view.items() if k != "present"} for view in batch]
    other = Siamese(encoder).train()(without, views)
    assert other.present is None
    assert torch.equal(pairs.negatives, other.negatives)
    assert torch.equal(InfoNCE()(pairs), InfoNCE()(other))
    assert torch.equal(pairs.texts, torch.cat([view["text_ids"] for view in batch]))


def test_micro_batches_change_nothing(encoder):
    batch, loss = features(encoder), WeightedInfoNCE(0.5, 2.0)
    found = []
    for rows in (0, 4):
        method = Method(VIEWS, Siamese(encoder), loss).train()
        method.set_micro_batch(rows)
        method.zero_grad()
        value = method(batch)["loss"]
        value.backward()
        found.append([value.detach(), next(encoder.parameters()).grad.clone()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["momentum", "siamese"])
def test_beside_a_queue_they_are_of_all_rows(encoder, kind):
    """Hard negatives first, then the queue; what is missing is not there at all."""
    make = MomentumQueue if kind == "momentum" else QueuedSiamese
    twin = make(encoder, ConstantMomentum(0.9), queue_size=12).train()
    batch = features(encoder)
    first = twin(batch, VIEWS)
    assert first.negatives.shape == (6, 2, 96)
    twin.on_batch_end()
    second = twin(batch, VIEWS)
    assert isinstance(second, QueuePairs) == (kind == "momentum")
    there = int(PRESENT.sum())
    assert second.negatives.shape == (there + 6, 96)
    torch.testing.assert_close(second.negatives[:there], first.negatives[PRESENT])
    assert torch.equal(second.texts[:12], first.texts[:12])
    assert torch.equal(second.texts[12 : 12 + there], first.texts[12:].view(6, 2)[PRESENT])
    assert torch.equal(second.partners[:there], second.texts[12 : 12 + there])
    assert torch.equal(second.of_own(second.negatives)[PRESENT], second.negatives[:there])
    assert torch.equal(second.own_present, PRESENT)
    assert torch.isfinite(InfoNCE()(second))
    without = replace(second, texts=None, partners=None)
    assert not torch.equal(InfoNCE()(without), InfoNCE()(second))  # its own text is in the queue
    assert twin.most_negatives(6, 4) == 24 if kind == "momentum" else 29


def test_most_negatives():
    assert Siamese.takes_hard_negatives
    twin = object.__new__(Siamese)
    vars(twin).update(queue=None)
    assert [twin.most_negatives(4, views) for views in (2, 3, 5)] == [3, 7, 15]
