"""A memory bank, many crops, known edits: what is paired with what."""

import numpy as np
import pytest
import torch

from sentemb.errors import UsageError
from sentemb.losses import InfoNCE
from sentemb.methods import equivariant, local_aggregation, multi_crop
from sentemb.training.collator import Collator
from sentemb.twins import BankedSiamese, EditPredictor, Equivariant, MemoryBank
from sentemb.views import TokenShuffle, View
from tests.support.helpers import numbered, without_dropout

ROWS = [{"text": f"the {word} cat sat on a mat of wool"} for word in ("big", "red", "old", "sad")]


def ids(*numbers):
    return torch.tensor(numbers)


def column(*numbers):
    return torch.tensor(numbers).float().unsqueeze(1)


@pytest.fixture
def encoder(mini):
    return without_dropout(mini)


def seen(method):
    batch = Collator(method.encoder, method.views, 16, 0)(numbered(ROWS))["views"]
    return batch, method.twin.train()(batch, method.views)


def test_each_text_has_one_place_in_a_memory_bank():
    bank = MemoryBank(4, 1)
    bank.add(column(1, 2, 3), ids(7, 8, 9))
    bank.add(column(4, 5), ids(9, 10), ids(1, 2))
    assert bank.texts.tolist() == [7, 8, 9, 10]
    assert bank.contents().flatten().tolist() == [1, 2, 4, 5]
    assert bank.partners.tolist() == [7, 8, 1, 2]
    bank.add(column(6), ids(11))  # full: the oldest place
    assert bank.texts.tolist() == [11, 8, 9, 10]
    bank.add(column(0, 7), ids(8, 12))  # takes the place of a text that comes too
    assert bank.texts.tolist() == [11, 12, 9, 10]
    assert bank.contents().flatten().tolist() == [6, 7, 4, 5]
    with pytest.raises(UsageError, match="finds rows by their text"):
        bank.add(column(1), None)


def test_a_text_twice_in_a_batch_takes_one_place():
    bank = MemoryBank(8, 1)
    bank.add(column(1, 2, 3), ids(5, 5, 6))
    assert len(bank) == 2
    assert bank.contents().flatten().tolist() == [1, 3]
    bank.add(column(4), ids(6))
    assert bank.contents().flatten().tolist() == [1, 4]


def test_all_rows_of_the_bank_but_its_own_text_are_negatives(encoder):
    method = local_aggregation(encoder, bank_size=10, background=2, close=1)
    assert isinstance(method.twin, BankedSiamese)
    _, pairs = seen(method)
    assert pairs.negatives is None
    method.twin.on_batch_end()
    _, pairs = seen(method)
    torch.testing.assert_close(pairs.negatives, pairs.anchor)
    (contrast,) = InfoNCE().contrasts(pairs)
    others = ~torch.eye(4, dtype=torch.bool)
    assert torch.equal(contrast.is_negative(torch.arange(4)), torch.cat([others, others], dim=1))
    method.twin.on_batch_end()
    assert len(method.twin.queue) == 4
    assert method.twin.most_negatives(4, 2) == 3 + 10


def test_crops_are_anchors_of_both_full_views_alone(encoder):
    method = multi_crop(encoder, crops=3, rate=0.5)
    batch, pairings = seen(method)
    z = method.twin.embed(batch, method.views)
    expected = [(0, 1), (2, 1), (3, 1), (4, 1), (1, 0), (2, 0), (3, 0), (4, 0)]
    assert len(pairings) == len(expected)
    for pairs, (anchor, positive) in zip(pairings, expected, strict=True):
        torch.testing.assert_close(pairs.anchor, z[anchor])
        torch.testing.assert_close(pairs.positive, z[positive])
        assert torch.equal(pairs.texts, torch.cat([batch[0]["text_ids"]] * 2))
    assert all(int(v["attention_mask"].sum()) < 4 * 8 for v in batch[2:])
    assert len(seen(multi_crop(encoder, crops=0))[1]) == 2
    with pytest.raises(UsageError, match="crops must be at least 0"):
        multi_crop(encoder, crops=-1)


def test_a_prediction_of_an_edit_is_that_edits_map():
    rng = np.random.default_rng(0)
    predictor = EditPredictor(2, 3).double()
    z = torch.from_numpy(rng.standard_normal((4, 3)))
    assert torch.equal(predictor(z, 1), z)
    w, b = (torch.from_numpy(rng.standard_normal(shape)) for shape in ((2, 3, 3), (2, 3)))
    predictor.weight.data, predictor.bias.data = w, b
    by_hand = torch.stack([row + w[1] @ row + b[1] for row in z])
    torch.testing.assert_close(predictor(z, 1), by_hand)

    def of(weight, bias, x):
        given = {"weight": weight, "bias": bias}
        return torch.func.functional_call(predictor, given, (x, 1))

    leaves = [x.clone().requires_grad_() for x in (w, b, z)]
    assert torch.autograd.gradcheck(of, leaves)


def test_the_other_edits_of_a_text_are_its_negatives(encoder):
    method = equivariant(encoder, rate=0.3)
    batch, pairings = seen(method)
    clean, *edited = method.twin.embed(batch, method.views)
    assert len(pairings) == 3
    for edit, pairs in enumerate(pairings):
        others = [z for number, z in enumerate(edited) if number != edit]
        torch.testing.assert_close(pairs.anchor, clean)  # nothing is known yet
        torch.testing.assert_close(pairs.positive, edited[edit])
        torch.testing.assert_close(pairs.negatives, torch.stack(others, dim=1))
        (contrast,) = InfoNCE().contrasts(pairs)
        expected = torch.ones(4, 4 + 8, dtype=torch.bool)
        expected[:, :4].fill_diagonal_(False)
        assert torch.equal(contrast.is_negative(torch.arange(4)), expected)


def test_the_map_of_an_edit_is_learned(encoder):
    """From embeddings that move by one vector for each edit, on which the edit depends alone."""
    moves = torch.eye(96)[:3] * 3
    twin = Equivariant(encoder, edits=3)
    clean = torch.randn(64, 96, generator=torch.Generator().manual_seed(0))
    twin.embed = lambda features, views: [clean, *(clean + move for move in moves)]
    optimizer = torch.optim.Adam(twin.predictor.parameters(), lr=0.05)
    for _ in range(60):
        loss = torch.stack([InfoNCE()(pairs) for pairs in twin([{}] * 4)]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    predicted = torch.stack([twin.predictor(clean, edit) for edit in range(3)])
    cosines = torch.cosine_similarity(predicted[:, None], (clean + moves[:, None])[None], dim=-1)
    assert torch.equal(cosines.argmax(dim=1), torch.arange(3)[:, None].expand(3, 64))


def test_an_edit_that_changes_nothing_is_no_negative_of_itself(encoder):
    twin = Equivariant(encoder, edits=2)
    same = {"input_ids": torch.tensor([[2, 9, 3], [2, 8, 3]]), "attention_mask": torch.ones(2, 3)}
    other = {
        "input_ids": torch.tensor([[2, 9, 3, 0], [2, 8, 8, 3]]),
        "attention_mask": torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]]),
    }
    twin.embed = lambda features, views: list(torch.randn(3, 2, 96))
    for views, expected in (
        ((View(), View(), View()), [[False], [True]]),
        ((View(), View(), View(order=TokenShuffle())), [[True], [True]]),
    ):
        for pairs in twin([same, same, other], views):
            assert pairs.present.tolist() == expected
