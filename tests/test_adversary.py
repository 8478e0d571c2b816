"""Adversarial views: the noise raises the loss as the gradient says, and touches nothing else."""

import copy

import pytest
import torch

from sentemb import InfoNCE, Method, Siamese, View
from sentemb.adversary import attacked
from sentemb.errors import UsageError
from sentemb.functional import alignment
from sentemb.losses import CrossEntropy
from sentemb.methods import consert_sup
from sentemb.training.collator import Collator
from sentemb.twins import PairClassifier
from sentemb.views import Adversarial, Draws, SupervisedAdversarial, TokenCutoff
from tests.support.helpers import numbered, without_dropout

NORM = 1e-3


def adversarial(encoder, norm=NORM, loss=None):
    clean = View(perturb=TokenCutoff(0.2))
    views = (clean, View(perturb=Adversarial(norm)))
    return Method(views, Siamese(encoder), loss or InfoNCE()).train()


@pytest.fixture
def rows(sentences):
    return numbered({"text": sentence} for sentence in sentences[:16])


@pytest.fixture
def labelled(triplets):
    few = triplets.rows.select(range(16))
    return numbered(
        {"sentence1": row["anchor"], "sentence2": row["positive"], "label": i % 3}
        for i, row in enumerate(few)
    )


def batch_of(method, rows):
    return Collator(method.encoder, method.views, 32, 0)(rows)


def noise_and_mask(method, batch):
    """The noise that each adversarial view adds, and which tokens are real."""

    def pairs_of(features, views):
        return (method.twin(features, views),)

    seen = attacked(pairs_of, lambda found: method.loss(found[0]), batch["views"], method.views)
    features = batch["views"][1]
    zeros = torch.zeros(*features["input_ids"].shape, 96)
    mask = features["attention_mask"].bool()
    return seen[1].perturb(zeros, mask, Draws(features["row_keys"])), mask


@pytest.mark.parametrize("norm", [1e-3, 1.0, 7.0])
def test_the_norm_is_exact_on_real_tokens_and_zero_on_padding(mini, rows, norm):
    method = adversarial(mini, norm)
    noise, mask = noise_and_mask(method, batch_of(method, rows))
    assert not mask.all()
    torch.testing.assert_close(noise[mask].norm(dim=1), torch.full((int(mask.sum()),), norm))
    assert not noise[~mask].any()


def test_the_loss_rises_by_norm_times_gradient(mini, rows):
    """To first order, in float64: L(x + noise) − L(x) = ε Σ‖g_t‖."""
    method = adversarial(without_dropout(mini.double()))
    batch = batch_of(method, rows)
    clean = Method((method.views[0], View()), method.twin, method.loss).train()
    gradients = []

    def watch(embeddings, mask, draws):
        watched = embeddings.detach().requires_grad_()
        gradients.append((watched, mask))
        return watched

    watched = Method((method.views[0], View(perturb=watch)), method.twin, method.loss).train()
    loss = watched(**batch)["loss"]
    embeddings, mask = gradients[0]
    (gradient,) = torch.autograd.grad(loss, embeddings)
    expected = NORM * float(gradient.norm(dim=2)[mask].sum())
    with torch.no_grad():
        risen = float(method(**batch)["loss"] - clean(**batch)["loss"])
    assert expected > 0
    assert risen == pytest.approx(expected, rel=0.05)


def test_random_noise_of_the_same_norm_raises_it_less(mini, rows):
    method = adversarial(without_dropout(mini), norm=0.5)
    batch = batch_of(method, rows)
    noise, mask = noise_and_mask(method, batch)
    random = torch.randn(noise.shape, generator=torch.Generator().manual_seed(0))
    random = 0.5 * random / random.norm(dim=2, keepdim=True) * mask.unsqueeze(2)
    views = (method.views[0], View(perturb=lambda embeddings, m, d: embeddings + random))
    control = Method(views, method.twin, method.loss).train()
    clean = Method((method.views[0], View()), method.twin, method.loss).train()
    by_chance = control(**batch)["loss"] - clean(**batch)["loss"]
    assert method(**batch)["loss"] - clean(**batch)["loss"] > 5 * abs(by_chance)


def test_the_second_pass_draws_the_same_dropout(mini, rows):
    """With noise of no size the adversarial method is the clean one, dropout on."""
    method = adversarial(mini, norm=1e-12)
    batch = batch_of(method, rows)
    clean = Method((method.views[0], View()), method.twin, method.loss).train()
    losses = []
    for one in (method, clean):
        torch.manual_seed(0)
        losses.append(float(one(**batch)["loss"].detach()))
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_gradients_of_parameters_are_not_touched(mini, rows):
    method = adversarial(mini)
    for parameter in method.parameters():
        parameter.grad = torch.full_like(parameter, 0.5)
    loss = method(**batch_of(method, rows))["loss"]
    assert all(torch.equal(p.grad, torch.full_like(p, 0.5)) for p in method.parameters())
    loss.backward()
    assert any(not torch.equal(p.grad, torch.full_like(p, 0.5)) for p in method.parameters())


@pytest.mark.parametrize("parts", [1, 2])
def test_accumulation_one_by_sixteen_is_two_by_eight(loaded_mini, rows, parts):
    """A loss that is a mean over rows has the same gradient either way; the noise too."""

    def mean_over_rows(pairs):
        return alignment(pairs.anchor, pairs.positive)

    def gradients(split):
        method = adversarial(without_dropout(copy.deepcopy(loaded_mini)), 1.0, mean_over_rows)
        size = 16 // split
        for start in range(0, 16, size):
            (method(**batch_of(method, rows[start : start + size]))["loss"] / split).backward()
        return [p.grad for p in method.parameters() if p.grad is not None]

    for whole, part in zip(gradients(1), gradients(parts), strict=True):
        torch.testing.assert_close(whole, part, rtol=1e-3, atol=1e-6)


def test_it_works_where_no_gradient_is_kept(mini, rows):
    method = adversarial(mini)
    with torch.no_grad():
        loss = method(**batch_of(method, rows))["loss"]
    assert torch.isfinite(loss)
    assert not loss.requires_grad


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_finds_the_same_direction(mini, rows, dtype):
    method = adversarial(without_dropout(mini), 1.0)
    batch = batch_of(method, rows)
    exact, mask = noise_and_mask(method, batch)
    with torch.autocast("cpu", dtype=dtype):
        rounded, _ = noise_and_mask(method, batch)
    assert rounded.dtype == torch.float32
    cosine = torch.nn.functional.cosine_similarity(exact[mask], rounded[mask], dim=1)
    assert cosine.mean() > (0.99 if dtype == torch.float16 else 0.95)
    torch.testing.assert_close(rounded[mask].norm(dim=1), torch.ones(int(mask.sum())))


def supervised(encoder):
    method = consert_sup(encoder, classes=3).train()
    views = (
        *method.views[:2],
        *(View(f"sentence{i}", perturb=SupervisedAdversarial(NORM)) for i in (1, 2)),
    )
    method.views = views
    return method


def test_the_supervised_noise_raises_the_cross_entropy(mini, labelled):
    method = supervised(without_dropout(mini))
    batch = batch_of(method, labelled)

    def cross_entropy(views):
        pairs = method.twin(batch["views"][2:], views)
        return float(torch.nn.functional.cross_entropy(pairs.logits, batch["labels"]).detach())

    def pairs_of(features, views):
        from dataclasses import replace

        return (replace(method.twin(features, views), labels=batch["labels"]),)

    noisy = attacked(pairs_of, lambda found: method.loss(found[0]), batch["views"], method.views)
    assert noisy[:2] == list(method.views[:2])
    assert cross_entropy(noisy[2:]) > cross_entropy([View(), View()])


def test_a_supervised_adversary_needs_labels_and_logits(mini, rows, labelled):
    method = supervised(mini)
    unlabelled = [{k: v for k, v in row.items() if k != "label"} for row in labelled]
    with pytest.raises(UsageError, match="needs a label in every row"):
        method(**batch_of(method, unlabelled))
    attacker = View(perturb=SupervisedAdversarial())
    for views, message in (
        ((View(), attacker), "SupervisedAdversarial needs labelled pairs"),
        ((attacker,) * 4, r"view=\['clean', 'supervised-adversarial'\]"),
        ((attacker, attacker), "SupervisedAdversarial needs labelled pairs"),
    ):
        method = Method(views, Siamese(mini), InfoNCE()).train()
        with pytest.raises(UsageError, match=message):
            method(**batch_of(method, rows))


def test_two_kinds_of_adversary_do_not_mix(mini, rows):
    views = (View(perturb=Adversarial()), View(perturb=SupervisedAdversarial()))
    method = Method(views, Siamese(mini), InfoNCE()).train()
    with pytest.raises(UsageError, match="must be of one kind"):
        method(**batch_of(method, rows))


def test_cross_entropy_alone_trains_a_classifier(mini, labelled):
    twin = PairClassifier(mini, 3)
    method = Method((View("sentence1"), View("sentence2")), twin, CrossEntropy()).train()
    method(**batch_of(method, labelled))["loss"].backward()
    assert twin.classifier.weight.grad.abs().sum() > 0
