"""What each twin makes of two views: who moves, who stands still, what is a negative."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from sentemb import InfoNCE, Method, Siamese, View, build_encoder
from sentemb.encoders.embedding import TEXTS
from sentemb.errors import UsageError
from sentemb.losses import NegativeCosine, SymmetricInfoNCE
from sentemb.losses.contrast import one_way, two_views
from sentemb.training.collator import Collator
from sentemb.twins import (
    ConstantMomentum,
    CosineMomentum,
    Momentum,
    MomentumPredictor,
    MomentumQueue,
    NextSentence,
    OffDropout,
    Prototypes,
    Queue,
    QueuedSiamese,
    TwoTower,
    between,
    layers,
    mlp,
)
from sentemb.twins.ema import follow, target_of
from tests.support.helpers import numbered, without_dropout

VIEWS = (View(), View())


@pytest.fixture
def batches(mini, sentences):
    """Six rows a batch, two views each, all padded to one length."""
    rows = numbered([{"text": text} for text in sentences[:24]])
    views = Collator(mini, VIEWS, 32, 0)(rows)["views"]

    def batch(first):
        return [{k: t[first : first + 6] for k, t in view.items()} for view in views]

    return batch


def head(encoder):
    torch.manual_seed(1)
    return layers(encoder, 32, 16)


def test_a_target_follows_as_the_formula_says():
    online = nn.BatchNorm1d(4)
    target = target_of(online)
    nn.init.normal_(online.weight)
    online(torch.randn(8, 4))
    before = target.weight.clone()
    follow(target, online, 0.9)
    torch.testing.assert_close(target.weight, 0.9 * before + 0.1 * online.weight)
    assert torch.equal(target.running_mean, online.running_mean)
    assert not any(parameter.requires_grad for parameter in target.parameters())


def test_schedules():
    assert ConstantMomentum(0.9)(0.3) == 0.9
    rising = CosineMomentum(0.9)
    assert [rising(x) for x in (0.0, 0.5, 1.0)] == pytest.approx([0.9, 0.95, 1.0])
    for schedule in (ConstantMomentum, CosineMomentum):
        with pytest.raises(UsageError, match=r"in \[0, 1\], got 1.5"):
            schedule(1.5)


def test_a_queue_is_first_in_first_out():
    queue = Queue(5, 1)
    assert len(queue) == 0
    for start in (0, 2, 4):
        numbers = torch.arange(start, start + 2)
        queue.add(numbers.unsqueeze(1).float(), numbers)
    assert sorted(queue.contents().flatten().tolist()) == [1, 2, 3, 4, 5]
    assert queue.embeddings.flatten().tolist() == queue.texts.tolist() == [5, 1, 2, 3, 4]
    assert (len(queue), int(queue.position)) == (5, 1)
    queue.check_batch(5)
    with pytest.raises(UsageError, match="A queue of 5 cannot hold a batch of 6"):
        queue.check_batch(6)
    with pytest.raises(UsageError, match="must be at least 1, got -1"):
        Queue(-1, 4)


def test_momentum_contrasts_with_past_positives_alone(mini, batches):
    mini = without_dropout(mini)
    twin = MomentumQueue(mini, ConstantMomentum(0.9), projector=head(mini), queue_size=9).train()
    first, second, third = batches(0), batches(6), batches(12)
    pairs = twin(first, VIEWS)
    assert pairs.in_batch
    assert pairs.negatives is None
    assert not pairs.positive.requires_grad
    torch.testing.assert_close(pairs.anchor, pairs.positive)  # at first the target is the encoder
    twin.on_batch_end()
    past = twin(second, VIEWS)
    torch.testing.assert_close(past.negatives, pairs.positive)
    assert not past.in_batch
    assert torch.equal(past.texts[12:], pairs.texts[6:12])
    twin.on_batch_end()
    now = twin(third, VIEWS)  # 12 were put into a queue of 9: the first 3 are gone
    expected = torch.cat([pairs.positive, past.positive])[3:]
    order = [expected.sub(row).norm(dim=1).argmin().item() for row in now.negatives]
    assert sorted(order) == list(range(9))
    rows = zip(now.anchor, now.positive, strict=True)
    similarities = [
        torch.stack([F.cosine_similarity(a, b, dim=0) for b in [p, *now.negatives]]) / 0.07
        for a, p in rows
    ]
    by_hand = torch.stack([s.logsumexp(0) - s[0] for s in similarities]).mean()
    torch.testing.assert_close(InfoNCE(0.07)(now), by_hand)


def test_what_is_in_the_queue_once_more_is_no_negative(mini, batches):
    twin = MomentumQueue(mini, ConstantMomentum(0.9), queue_size=6).train()
    method = Method(VIEWS, twin, InfoNCE())
    method(batches(0))
    twin.on_batch_end()
    assert int(method(batches(3))["masked_negatives"]) == 3


def test_momentum_without_a_queue_contrasts_the_batch(mini, batches):
    pairs = Momentum(mini, ConstantMomentum(0.9)).train()(batches(0), VIEWS)
    assert pairs.in_batch
    assert pairs.negatives is None


def test_the_target_moves_after_a_step_and_its_head_too(mini, batches):
    twin = Momentum(mini, ConstantMomentum(0.5), projector=head(mini)).train()
    before = {name: t.clone() for name, t in twin.state_dict().items()}
    with torch.no_grad():
        for parameter in (*twin.encoder.parameters(), *twin.projector.parameters()):
            parameter.add_(1.0)
    twin(batches(0), VIEWS)
    assert torch.equal(twin.state_dict()["target_projector.0.weight"],
                       before["target_projector.0.weight"])  # fmt: skip
    twin.on_step_end(0.1)
    for name, tensor in twin.state_dict().items():
        if name.startswith("target"):
            torch.testing.assert_close(tensor, before[name] + 0.5)


@pytest.mark.parametrize("on", [True, False])
def test_dropout_of_the_target(mini, batches, on):
    twin = MomentumQueue(mini, ConstantMomentum(0.9), queue_size=6, key_dropout=on).train()
    same = [twin(batches(0), VIEWS).positive for _ in range(2)]
    assert torch.equal(*same) != on
    assert twin.encoder.training


def test_a_predictor_predicts_the_target_both_ways(mini, batches):
    mini = without_dropout(mini)
    torch.manual_seed(0)
    predictor = between(16, 16)
    twin = MomentumPredictor(mini, ConstantMomentum(0.9), predictor, head(mini)).train()
    features = [batches(0)[0], batches(6)[1]]
    one, two = twin(features, VIEWS)
    torch.testing.assert_close(predictor(twin.before_predictor[0]), one.anchor)
    torch.testing.assert_close(predictor(twin.before_predictor[1]), two.anchor)
    torch.testing.assert_close(twin.before_predictor[1], one.positive)  # the target is it yet
    torch.testing.assert_close(twin.before_predictor[0], two.positive)
    assert torch.equal(one.texts[:6], two.texts[6:])
    assert torch.equal(one.texts[6:], two.texts[:6])


def test_a_siamese_predictor_is_sim_siam(mini, batches):
    mini = without_dropout(mini)
    predictor = between(16, 8, 16)
    twin = Siamese(mini, projector=head(mini), predictor=predictor).train()
    features = [batches(0)[0], batches(6)[1]]
    pairings = twin(features, VIEWS)
    z1, z2 = twin.before_predictor
    loss = torch.stack([NegativeCosine()(pairs) for pairs in pairings]).mean()
    cos = F.cosine_similarity
    expected = -(cos(predictor(z1), z2).mean() + cos(predictor(z2), z1).mean()) / 2
    torch.testing.assert_close(loss, expected)
    assert not any(pairs.positive.requires_grad for pairs in pairings)
    assert twin.constant_learning_rate() == list(predictor.parameters())


def test_queued_siamese_keeps_clean_first_views(mini_cls, batches):
    twin = QueuedSiamese(mini_cls, ConstantMomentum(0.9), queue_size=8, projector=mlp(mini_cls))
    twin.train()
    first = twin(batches(0), VIEWS)
    assert first.negatives is None
    twin.on_batch_end()
    second = twin(batches(6), VIEWS)
    twin.encoder.eval()
    clean = twin.projector(twin.encoder(dict(batches(0)[0]))["sentence_embedding"])
    torch.testing.assert_close(second.negatives, clean.detach(), rtol=0, atol=1e-5)
    assert second.in_batch
    assert second.positive.requires_grad
    assert not second.negatives.requires_grad


def test_off_dropout_contrasts_what_carries_no_noise(mini_cls, batches):
    twin = OffDropout(mini_cls, projector=mlp(mini_cls)).train()
    pairs = twin(batches(0), VIEWS)
    assert twin.encoder.training
    again = twin(batches(0), VIEWS)
    assert torch.equal(pairs.clean, again.clean)
    assert not torch.equal(pairs.anchor, again.anchor)
    unit = pairs.unit()
    positive = (unit.anchor * unit.positive).sum(dim=1) / 0.05
    others = unit.clean @ unit.clean.T / 0.05
    others = others.masked_fill(torch.eye(6, dtype=torch.bool), -torch.inf)
    everything = torch.cat([positive.unsqueeze(1), others], dim=1)
    expected = (everything.logsumexp(dim=1) - positive).mean()
    torch.testing.assert_close(InfoNCE(0.05)(pairs), expected)
    InfoNCE(0.05)(pairs).backward()
    assert pairs.clean.requires_grad


def test_prototypes_give_cosines_and_the_queues(mini, batches):
    torch.manual_seed(0)
    twin = Prototypes(mini, 10, head(mini), queue_size=8).train()
    first = twin(batches(0), VIEWS)
    weight = F.normalize(twin.weight, dim=1)
    unit = first.unit()
    expected = torch.cat([unit.anchor, unit.positive]) @ weight.T
    torch.testing.assert_close(first.logits, expected)
    twin.on_batch_end()
    second = twin(batches(6), VIEWS)
    assert len(second.logits) == 2 * 6 + 2 * 6
    torch.testing.assert_close(second.logits[12:], first.logits)
    with pytest.raises(UsageError, match="A batch of 6 and a queue of 8 are fewer texts than the"):
        Prototypes(mini, 15, head(mini), queue_size=8).check_batch(6)
    with pytest.raises(UsageError, match="prototypes must be at least 2"):
        Prototypes(mini, 1)


def test_prototypes_stand_still_at_first_and_have_length_one(mini, batches):
    torch.manual_seed(0)
    twin = Prototypes(mini, 10, frozen_steps=2).train()
    moved = []
    for _ in range(3):
        twin.zero_grad()
        twin(batches(0), VIEWS).logits.square().sum().backward()
        moved.append(bool(twin.weight.grad.any()))
        with torch.no_grad():
            twin.weight.mul_(3.0)
        twin.on_step_end(0.5)
        torch.testing.assert_close(twin.weight.norm(dim=1), torch.ones(10))
    assert moved == [False, False, True]


def test_prototypes_are_scored_in_float32_under_autocast(mini, batches):
    twin = Prototypes(mini, 4, head(mini)).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pairs = twin(batches(0), VIEWS)
    assert pairs.anchor.dtype == torch.bfloat16
    assert pairs.logits.dtype == torch.float32


def test_next_sentences_are_told_from_those_of_the_next_row(mini, batches):
    mini = without_dropout(mini)
    twin = NextSentence(mini).train()
    features = [batches(0)[0], batches(6)[1]]
    pairs = twin(features, VIEWS)
    assert pairs.labels.tolist() == [1] * 6 + [0] * 6
    u, v = pairs.anchor, pairs.positive
    torch.testing.assert_close(pairs.logits[:6], twin.classify(u, v))
    torch.testing.assert_close(pairs.logits[8], twin.classify(u[2:3], v[3:4])[0])
    torch.testing.assert_close(pairs.logits[11], twin.classify(u[5:], v[:1])[0])
    same = features[1]["text_ids"].clone()
    same[3] = same[2]  # so the third row's false pair would be a true one
    fewer = twin([features[0], {**features[1], "text_ids": same}], VIEWS)
    assert fewer.labels.tolist() == [1] * 6 + [0] * 5
    torch.testing.assert_close(fewer.logits[8], pairs.logits[9])


def test_two_towers_have_weights_of_their_own(mini, batches):
    other = copy.deepcopy(mini)
    with torch.no_grad():
        next(other.parameters()).add_(0.5)
    twin = TwoTower(without_dropout(mini), without_dropout(other)).train()
    pairs = twin(batches(0), VIEWS)
    assert not torch.allclose(pairs.anchor, pairs.positive)
    pairs.positive.sum().backward()
    assert all(p.grad is None for p in twin.encoder.parameters())
    assert twin.other_encoders() == {"positive": other}
    third = twin([*batches(0), batches(6)[0]], (*VIEWS, View()))
    assert third.negatives.shape == (6, 1, 96)


def test_two_towers_read_the_same_tokens(mini):
    stranger = build_encoder("mini", pooling="mean", device="cpu")
    stranger.tokenizer.add_tokens(["neverseen"])
    with pytest.raises(UsageError, match="encoders that read the same tokens"):
        TwoTower(mini, stranger)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (
            lambda e: MomentumPredictor(e, ConstantMomentum(0.9), between(96, 96)),
            "MomentumPredictor",
        ),
        (lambda e: Siamese(e, predictor=between(96, 96)), "Siamese with a predictor"),
        (lambda e: Prototypes(e, 4), "Prototypes"),
        (OffDropout, "OffDropout"),
    ],
)
def test_three_views_are_too_many(mini, batches, make, name):
    three = [*batches(0), batches(6)[0]]
    with pytest.raises(UsageError, match=f"^{name} needs 2 views, got 3: drop the hard-negative"):
        make(mini)(three, (*VIEWS, View()))


def test_a_predictor_and_a_queue_do_not_go_together(mini):
    with pytest.raises(TypeError, match="queue_size"):
        MomentumPredictor(mini, ConstantMomentum(0.9), predictor=between(96, 96), queue_size=8)
    with pytest.raises(TypeError, match="predictor"):
        MomentumQueue(mini, ConstantMomentum(0.9), predictor=between(96, 96), queue_size=8)


def test_heads_have_the_layers_they_are_asked_for(mini):
    kinds = [type(module).__name__ for module in layers(mini, 64, 32, 16)]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert [type(m).__name__ for m in layers(mini, 8)] == ["Linear"]
    assert layers(mini, 64, 8, norm=nn.LayerNorm)[1].normalized_shape == (64,)
    assert math.prod(layers(mini, 64, 8)[1].state_dict()["weight"].shape) == 64
    assert not list(layers(mini, 64, 8)[1].buffers())  # nothing to save but weights


def test_widths_that_cannot_be_are_refused(mini):
    with pytest.raises(UsageError, match="1 dimension or more, got 0"):
        layers(mini, 0)
    with pytest.raises(UsageError, match="frozen_steps must be at least 0, got -3"):
        Prototypes(mini, 4, frozen_steps=-3)
    with pytest.raises(UsageError, match="they have 16 and 96 dimensions"):
        TwoTower(mini, copy.deepcopy(mini), projector=layers(mini, 16))


def texts_of(*numbers):
    """Views of rows whose texts have these numbers."""
    return lambda tokens: [{**tokens, TEXTS: torch.tensor(view)} for view in numbers]


@pytest.mark.parametrize("siamese", [False, True])
def test_a_queue_knows_what_its_texts_were_pairs_with(mini, siamese):
    """Batch (1, 11), (2, 12), then (1, 21), (3, 12): 11 is a pair of 1, and 2 of 12."""
    tokens = mini.preprocess(["one sentence", "another one"])
    features = {name: tensor for name, tensor in tokens.items() if name != "modality"}
    make = QueuedSiamese if siamese else MomentumQueue
    twin = make(mini, ConstantMomentum(0.9), queue_size=4).train()
    twin(texts_of([1, 2], [11, 12])(features), VIEWS)
    twin.on_batch_end()
    pairs = twin(texts_of([1, 3], [21, 12])(features), VIEWS)
    assert pairs.partners.tolist() == ([11, 12] if siamese else [1, 2])
    in_queue = one_way(pairs).is_negative(torch.arange(2))[:, -2:].tolist()
    assert in_queue == (
        [[False, True], [True, True]] if siamese else [[False, True], [True, False]]
    )
    if siamese:
        both = two_views(pairs).is_negative(torch.arange(4))[:, -2:].tolist()
        assert both[2:] == [[False, True], [True, False]]  # 21 is a pair of 1, 12 was one of 2
        assert torch.isfinite(SymmetricInfoNCE()(pairs))


def test_next_sentence_draws_no_false_pair_that_is_a_pair_of_the_batch(mini):
    """Rows (1, 11), (1, 12), (2, 13): the first with 12 is a pair, the last with 11 is none."""
    tokens = mini.preprocess(["one sentence", "another one", "a third"])
    features = {name: tensor for name, tensor in tokens.items() if name != "modality"}
    pairs = NextSentence(mini)(texts_of([1, 1, 2], [11, 12, 13])(features), VIEWS)
    assert pairs.labels.tolist() == [1, 1, 1, 0, 0]
