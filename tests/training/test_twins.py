"""Recipes of twins with a state: exact resume, plain models, micro-batches, collapse."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb import FlatNCE, InfoNCE, Method, Settings, Siamese, View, train
from sentemb.bundled import bundled
from sentemb.datasets import read_training_data
from sentemb.encoders import embed, set_dropout
from sentemb.errors import IdenticalViewsError, NumericError, UsageError
from sentemb.functional import effective_rank, spread
from sentemb.losses import SupConOut, SymmetricInfoNCE, VICReg
from sentemb.methods import (
    arccse,
    barlow_twins,
    byol,
    consert,
    consert_sup,
    crop,
    eda,
    esimcse,
    moco,
    moco_v2,
    moco_v3,
    nsp,
    promptbert,
    simclr,
    simclr_v2,
    simcse_plus_plus,
    simcse_sup,
    simcse_unsup,
    simsiam,
    sncse,
    starbucks,
    supcon,
    swav,
    two_tower,
    vicreg,
    whitenedcse,
)
from sentemb.runs.conditions import in_present_names, stable_repr
from sentemb.runs.logs import read_metrics
from sentemb.training.checkpoints import load_checkpoint, save_checkpoint
from sentemb.training.collapse import CollapseMonitor
from sentemb.training.collator import Collator
from sentemb.training.forwards import packed_encoders
from sentemb.training.held_out import loss_of
from sentemb.twins import ConstantMomentum, CosineMomentum, MomentumQueue, Prototypes, Twin
from sentemb.views import Adversarial
from tests.support import encoders
from tests.support.helpers import PowerCut, assert_bit_equal, numbered, state

SETTINGS = Settings(batch_size=8, learning_rate=1e-3, epochs=9, max_steps=8, save_steps=4)
FOUR = replace(SETTINGS, max_steps=4, save_steps=2)
SMALL = {  # so that queues fill and prototypes thaw within four steps
    "moco": {"queue_size": 20, "momentum": 0.9},
    "moco_v2": {"queue_size": 20, "momentum": 0.9},
    "esimcse": {"queue_size": 20},
    "swav": {"prototypes": 8, "queue_size": 12, "frozen_steps": 2},
}
LONG = pytest.mark.long
CLS = ("simcse_unsup", "simcse_plus_plus", "esimcse", "sncse", "arccse", "whitenedcse")
WITH_STATE = [
    *(simclr, simclr_v2, moco, moco_v2, moco_v3, byol, simsiam, swav, barlow_twins, vicreg),
    *(esimcse, simcse_plus_plus, two_tower, nsp, sncse, starbucks, whitenedcse),
    promptbert,
]
KINDS = [moco, byol, swav, esimcse, two_tower]
"""One for each kind of state: heads with a queue and a target, prototypes, a second encoder."""
OTHERS = [simcse_unsup, arccse, simcse_sup, consert, consert_sup, eda, crop, supcon]
LAYOUTS = {
    "simcse_sup": ("triplets.csv", ("anchor", "positive", "negative")),
    "two_tower": ("triplets.csv", ("anchor", "positive", "negative")),
    "nsp": ("triplets.csv", ("anchor", "positive")),
    "consert_sup": ("nli.tsv", ("sentence1", "sentence2", "label")),
    "supcon": ("topics.tsv", ("text", "label")),
}

UNUSED = ("twin.queue.texts", "twin.queue.partners", "twin.encoder.1.emb_layer.weight")
"""Of the queue of SwAV; and PromptBERT's pooling, which says where [MASK] is."""


def fresh(recipe):
    name = recipe.__name__
    pooling = "cls_before_pooler" if name in CLS else "mean"
    return recipe(encoders.mini(pooling), **SMALL.get(name, {}))


def data_of(recipe):
    return _rows_of(*LAYOUTS.get(recipe.__name__, ("sentences.txt", ("text",))))


@cache
def _rows_of(file, columns):
    read = read_training_data(bundled(file), [columns])
    return replace(read, rows=read.rows.select(range(40)))


def named(recipe):
    return recipe.__name__


def in_every_run(*chosen):
    """Return those with a state, with a mark on what `make test` leaves out."""
    return [r if r in chosen else pytest.param(r, marks=LONG) for r in WITH_STATE]


@dataclass
class Run:
    method: Method
    folder: Path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Train each recipe for four steps, once: a run to compare with, and to look at."""

    @cache
    def of(recipe):
        run = Run(fresh(recipe), tmp_path_factory.mktemp(recipe.__name__) / "run")
        train(run.method, data_of(recipe), run.folder, FOUR)
        return run

    return of


@pytest.mark.sampled
@pytest.mark.parametrize("recipe", in_every_run(*KINDS), ids=named)
def test_four_steps_are_two_and_two_resumed(whole, recipe, tmp_path):
    """Targets, queues, prototypes, heads and schedules."""
    cut = fresh(recipe)
    cut.loss = PowerCut(cut.loss, batches=7 if recipe in (byol, simsiam, moco_v3) else 3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data_of(recipe), tmp_path / "cut", FOUR)
    torch.manual_seed(99)
    resumed = fresh(recipe)
    train(resumed, data_of(recipe), tmp_path / "cut", FOUR, resume=True)
    assert_bit_equal(state(whole(recipe).method), state(resumed))


@pytest.mark.sampled
@pytest.mark.parametrize(
    "recipe", in_every_run(*KINDS, simclr_v2, nsp, sncse, starbucks, whitenedcse), ids=named
)
def test_everything_changes_and_the_model_is_a_plain_one(whole, recipe, sentences):
    started, ended = state(fresh(recipe)), state(whole(recipe).method)
    still = [name for name, tensor in ended.items() if torch.equal(tensor, started[name])]
    assert [name for name in still if name not in UNUSED] == []
    plain = SentenceTransformer(str(whole(recipe).folder), device="cpu")
    ours = whole(recipe).method.encoder.encode(sentences[:50])
    assert abs(plain.encode(sentences[:50]) - ours).max() <= 1e-6


def test_both_towers_are_deployed(whole, sentences):
    method, folder = whole(two_tower).method, whole(two_tower).folder
    other = SentenceTransformer(str(folder / "positive"), device="cpu")
    ours = method.twin.other.encode(sentences[:20])
    assert abs(other.encode(sentences[:20]) - ours).max() <= 1e-6
    assert abs(method.encoder.encode(sentences[:20]) - ours).max() > 1e-3


def gradients(method, batch, seed=0):
    """Loss and gradients of one batch; the same seed draws the same dropout."""
    torch.manual_seed(seed)
    method.zero_grad()
    loss = method(**batch)["loss"]
    loss.backward()
    found = {n: p.grad.clone() for n, p in method.named_parameters() if p.grad is not None}
    return found | {"loss": loss.detach()}


def without_forgetting(function, *args, use_reentrant):
    """In the place of torch's checkpoint: each micro-batch keeps its activations."""
    return function(*args)


def assert_near(mine, theirs, relative):
    assert mine.keys() == theirs.keys()
    scale = max(float(theirs[name].abs().max()) for name in theirs)
    for name in theirs:
        torch.testing.assert_close(mine[name], theirs[name], rtol=relative, atol=relative * scale)


LOSSES = {"own": None, "infonce": InfoNCE(), "flatnce": FlatNCE(), "vicreg": VICReg()}


CROSSES = [
    (recipe, loss)
    for recipe in (*WITH_STATE, *OTHERS)
    for loss in (["own"] if recipe in (consert_sup, nsp) else LOSSES)  # they classify
]


IN_EVERY_RUN = [cross for cross in CROSSES if cross[1] == "own" or cross[0] in (simcse_unsup, moco)]


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("recipe", "loss"),
    [cross if cross in IN_EVERY_RUN else pytest.param(*cross, marks=LONG) for cross in CROSSES],
)
def test_micro_batches_change_nothing(monkeypatch, recipe, loss):
    """With dropout on, against the same micro-batches kept; without it, against the whole batch."""
    method = fresh(recipe)
    if LOSSES[loss] is not None:
        method = Method(method.views, method.twin, LOSSES[loss])
    collator = Collator(method.encoder, method.views, 32, 0)
    batch = collator(numbered(data_of(recipe).rows.to_list()[:13]))
    method.train()
    method(**batch)
    method.twin.on_batch_end()  # something is in the queue
    method.twin.micro_batch = 5
    cached = gradients(method, batch)
    with monkeypatch.context() as patch:
        patch.setitem(embed.__globals__, "checkpoint", without_forgetting)
        assert_near(cached, gradients(method, batch), 1e-5)
    for name in ("encoder", "other", "target"):
        if hasattr(method.twin, name):
            set_dropout(getattr(method.twin, name), 0.0)
    cached = gradients(method, batch)
    method.twin.micro_batch = 0
    assert_near(cached, gradients(method, batch), 1e-5)


@pytest.mark.sampled
@pytest.mark.parametrize("recipe", [*WITH_STATE, *OTHERS], ids=named)
@pytest.mark.parametrize("micro_batch", [0, pytest.param(5, marks=LONG)])
def test_leaving_padding_out_changes_nothing(recipe, micro_batch):
    """Loss and gradients without dropout, perturbing views among them."""
    method = fresh(recipe)
    rows = data_of(recipe).rows
    batch = Collator(method.encoder, method.views, 32, 0)(numbered(rows.to_list()[:13]))
    method.train()
    method(**batch)
    method.twin.on_batch_end()
    method.twin.micro_batch = micro_batch
    for name in ("encoder", "other", "target"):
        if hasattr(method.twin, name):
            set_dropout(getattr(method.twin, name), 0.0)
    stock = gradients(method, batch)
    stack = method.encoder[0].auto_model.encoder
    with packed_encoders(method, rows[:4][method.views[0].column]):
        assert stack._forward_pre_hooks
        ours = gradients(method, batch)
    assert not stack._forward_pre_hooks
    assert_near(ours, stock, 1e-5)


def test_an_adversarial_view_without_padding(unlabelled, tmp_path):
    simcse = fresh(simcse_unsup)
    method = Method((View(), View(perturb=Adversarial(0.5))), simcse.twin, simcse.loss)
    assert train(method, unlabelled, tmp_path / "run", SETTINGS).steps == 8


@pytest.mark.parametrize("packed", [True, False])
def test_padding_is_left_out_where_it_is_asked_for(unlabelled, tmp_path, packed):
    method = fresh(simcse_unsup)
    seen = set()
    layer = method.encoder[0].auto_model.encoder.layer[0]
    layer.register_forward_pre_hook(lambda _, given: seen.add(len(given[0])))
    train(method, unlabelled, tmp_path / "run", replace(SETTINGS, max_steps=1, packed=packed))
    assert (1 in seen) is packed, seen


@pytest.mark.long
def test_a_batch_in_micro_batches_trains_and_resumes(unlabelled, tmp_path):
    settings = replace(FOUR, micro_batch=3)
    whole, cut = fresh(moco), fresh(moco)
    train(whole, unlabelled, tmp_path / "whole", settings)
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, unlabelled, tmp_path / "cut", settings)
    resumed = fresh(moco)
    train(resumed, unlabelled, tmp_path / "cut", settings, resume=True)
    assert_bit_equal(state(whole), state(resumed))


@pytest.mark.sampled
@pytest.mark.parametrize("options", [{"accumulation": 2}, {"precision": "bf16"}])
def test_micro_batches_with_accumulation_and_autocast(unlabelled, tmp_path, options):
    settings = replace(SETTINGS, micro_batch=4, max_steps=2, **options)
    run = train(fresh(simcse_unsup), unlabelled, tmp_path / "run", settings)
    assert run.steps == 2


@pytest.mark.sampled
@pytest.mark.parametrize("recipe", [*WITH_STATE, *OTHERS], ids=named)
def test_every_recipe_trains_in_bf16(recipe, tmp_path):
    settings = replace(SETTINGS, precision="bf16", max_steps=2)
    run = train(fresh(recipe), data_of(recipe), tmp_path / "run", settings)
    assert (run.steps, run.skipped_steps) == (2, 0)


def test_the_predictor_of_sim_siam_keeps_its_learning_rate(unlabelled, tmp_path):
    method = fresh(simsiam)
    seen = []
    step = torch.optim.AdamW.step

    def watch(self, *args, **kwargs):
        seen.append([(group.get("constant_rate", False), group["lr"])
                     for group in self.param_groups])  # fmt: skip
        return step(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", watch)
        train(method, unlabelled, tmp_path / "run", replace(SETTINGS, warmup=0.25))
    assert len(seen) == 8
    rates = {flag: [{lr for f, lr in groups if f == flag} for groups in seen]
             for flag in (False, True)}  # fmt: skip
    assert rates[True] == [{0.0}, {5e-4}, *[{1e-3}] * 6]
    assert min(rates[False][-1]) == pytest.approx(1e-3 / 6)


def together(pairs):
    """Draw all embeddings to one point."""
    return pairs.unit().anchor.sub(pairs.unit().anchor.mean(0)).square().sum()


COLLAPSING = replace(SETTINGS, learning_rate=3e-3, max_steps=40, save_steps=40)


def collapsing(pooling):
    return Method((View(), View()), Siamese(encoders.mini(pooling)), together)


@pytest.mark.parametrize("pooling", ["mean", pytest.param("cls_before_pooler", marks=LONG)])
def test_a_collapse_is_told_once(unlabelled, tmp_path, caplog, pooling):
    train(collapsing(pooling), unlabelled, tmp_path / "warned", COLLAPSING)
    assert sum("The encoder is collapsing" in line for line in caplog.messages) == 1
    assert "use a loss with negatives" in caplog.text
    line = read_metrics(tmp_path / "warned/metrics.jsonl")[-2]
    assert line["spread"] < 0.15


@pytest.mark.parametrize("pooling", [pytest.param("mean", marks=LONG), "cls_before_pooler"])
def test_a_collapse_stops_the_run(unlabelled, tmp_path, pooling):
    """Also where dropout's noise would look like spread ([CLS])."""
    settings = replace(COLLAPSING, on_collapse="stop")
    with pytest.raises(NumericError, match=r"collapsing at step \d+: spread 0\.\d+ \(at first 0"):
        train(collapsing(pooling), unlabelled, tmp_path / "stopped", settings)
    assert not (tmp_path / "stopped/modules.json").exists()


@pytest.mark.parametrize(
    "size", [2, *(pytest.param(size, marks=pytest.mark.long) for size in (3, 8))]
)
def test_small_batches_are_no_collapse(tmp_path, size):
    sentences = read_training_data(bundled("sentences.txt"), [("text",)])
    settings = replace(SETTINGS, batch_size=size, learning_rate=3e-5, max_steps=10)
    method = fresh(simcse_unsup)
    assert train(method, sentences, tmp_path / "r", replace(settings, on_collapse="stop")).steps


def test_what_is_watched_is_the_encoder_without_dropout(mini, unlabelled):
    method = Method((View(), View()), Siamese(mini), InfoNCE()).train()
    collator = Collator(mini, method.views, 32, 0)
    rows = [{"text": text} for text in unlabelled.rows["text"][:20]]
    method(**collator(numbered(rows)))
    numbers = CollapseMonitor(method, "warn").measure()
    vectors = mini.eval().encode([row["text"] for row in rows], convert_to_tensor=True)
    assert numbers["spread"] == pytest.approx(float(spread(vectors)), abs=1e-3)
    assert numbers["effective_rank"] == pytest.approx(float(effective_rank(vectors)), abs=0.05)


def test_the_likely_cause_goes_by_twin_and_loss(unlabelled):
    causes = {}
    for recipe in (byol, moco_v3, swav, simcse_unsup):
        method = fresh(recipe).train()
        collator = Collator(method.encoder, method.views, 32, 0)
        method(**collator(numbered(unlabelled.rows.select(range(8)).to_list())))
        causes[recipe.__name__] = CollapseMonitor(method, "warn")._cause()
    assert causes["byol"].startswith("A predictor without negatives")
    assert causes["swav"].startswith("All texts may go to one prototype")
    assert causes["moco_v3"] == causes["simcse_unsup"]


def test_the_momentum_of_a_run_rises_to_one(unlabelled, tmp_path):
    method, seen = fresh(byol), []
    schedule = method.twin.momentum
    method.twin.momentum = lambda progress: seen.append(progress) or schedule(progress)
    train(method, unlabelled, tmp_path / "run", SETTINGS)
    assert seen == [step / 8 for step in range(1, 9)]
    assert schedule == CosineMomentum(0.996)


def test_heads_of_the_recipes_are_those_of_their_papers():
    letters = {"Linear": "L", "BatchNorm1d": "B", "ReLU": "R", "Identity": "I", "Tanh": "T"}

    def kinds(head):
        return "".join(letters[type(module).__name__] for module in head)

    without = (*CLS, "two_tower", "nsp", "starbucks")
    methods = {r.__name__: fresh(r) for r in WITH_STATE if r.__name__ not in without}
    assert {name: kinds(method.twin.projector) for name, method in methods.items()} == {
        "simclr": "LBRL",
        "simclr_v2": "LBRL",  # its first layer stays in the encoder
        "moco": "L",
        "moco_v2": "LIRL",
        "moco_v3": "LBRLBRL",
        "byol": "LBRL",
        "simsiam": "LBRLBRLB",
        "swav": "LBRL",
        "barlow_twins": "LBRLBRL",
        "vicreg": "LBRLBRL",
        "promptbert": "LT",
    }
    assert {kinds(methods[name].twin.predictor) for name in ("byol", "simsiam", "moco_v3")} == {
        "LBRL"
    }
    assert type(methods["simclr_v2"].encoder[-1]).__name__ == "Dense"
    assert methods["moco"].loss == InfoNCE(0.07)
    assert methods["moco_v2"].loss == methods["moco_v3"].loss == InfoNCE(0.2)


def test_tensors_that_share_memory_are_saved_and_loaded(tmp_path):
    """T5 has one table of words under two names, and so has a copy of it."""
    method, other = fresh(moco), fresh(moco)
    for one in (method, other):
        one.twin.alias = one.twin.target_projector
    save_checkpoint(method, tmp_path)
    load_checkpoint(other, tmp_path)
    assert_bit_equal(state(method), state(other))


@pytest.mark.long
def test_the_held_out_loss_does_not_grow_with_a_queue(unlabelled, tmp_path):
    settings = replace(FOUR, learning_rate=1e-12, eval_steps=2, select="held-out-loss")
    for recipe in (moco, esimcse, swav):
        train(fresh(recipe), unlabelled, tmp_path / recipe.__name__, settings)
        lines = read_metrics(tmp_path / recipe.__name__ / "metrics.jsonl")
        losses = [line["eval_held_out_loss"] for line in lines if "eval_held_out_loss" in line]
        assert losses == pytest.approx([losses[0]] * 3, rel=1e-3)


@pytest.mark.wide
def test_an_adversary_attacks_what_has_a_gradient(unlabelled, tmp_path):
    attack = View(perturb=Adversarial(0.5))
    for recipe, views in [(byol, (attack, attack)), (moco, (attack, View())),
                          (esimcse, (attack, View()))]:  # fmt: skip
        method = fresh(recipe)
        method.views = views
        run = train(method, unlabelled, tmp_path / recipe.__name__, replace(SETTINGS, max_steps=3))
        assert run.steps == 3
    method = fresh(moco)
    method.views = (View(), attack)
    with pytest.raises(UsageError, match="attack the first view"):
        train(method, unlabelled, tmp_path / "second", SETTINGS)


def test_a_queue_that_nothing_reads_is_refused(unlabelled, tmp_path):
    method = fresh(moco)
    other = Method(method.views, method.twin, VICReg())
    with pytest.raises(UsageError, match="does not contrast rows with the queue"):
        train(other, unlabelled, tmp_path / "run", SETTINGS)
    one_direction = Method(method.views, method.twin, SymmetricInfoNCE())
    with pytest.raises(UsageError, match="use a loss of one direction, such as infonce"):
        train(one_direction, unlabelled, tmp_path / "run", SETTINGS)


def test_prototypes_go_with_labels(mini, unlabelled):
    twin = Prototypes(mini, 8, queue_size=32)
    method = Method((View(), View()), twin, SupConOut()).train()
    rows = [{"text": t, "label": i % 2} for i, t in enumerate(unlabelled.rows["text"][:8])]
    batch = Collator(mini, method.views, 32, 0)(numbered(rows))
    for _ in range(2):
        assert method(**batch)["loss"].isfinite()
        twin.on_batch_end()


@pytest.mark.wide
def test_held_out_loss_does_not_touch_a_queue(unlabelled, tmp_path):
    settings = replace(SETTINGS, eval_steps=1, select="held-out-loss", keep_checkpoints=True)
    plain, watched = fresh(moco), fresh(moco)
    rows = train(watched, unlabelled, tmp_path / "watched", settings)
    order = torch.randperm(len(unlabelled.rows), generator=torch.Generator().manual_seed(0))
    kept = unlabelled.rows.select(order[rows.held_out_rows :].tolist())
    train(plain, replace(unlabelled, rows=kept), tmp_path / "plain", SETTINGS)
    last = SentenceTransformer(str(tmp_path / "watched/checkpoints/checkpoint-8"), device="cpu")
    assert torch.equal(
        last.encode(["a sentence"], convert_to_tensor=True),
        plain.encoder.encode(["a sentence"], convert_to_tensor=True),
    )


def test_what_does_not_fit_a_batch_is_refused_before_anything_is_written(unlabelled, tmp_path):
    small = encoders.mini()
    for method, message in [
        (moco(small, queue_size=4), "A queue of 4 cannot hold a batch of 8"),
        (swav(small, prototypes=99, queue_size=16), "fewer texts than the 99 prototypes"),
    ]:
        with pytest.raises(UsageError, match=message):
            train(method, unlabelled, tmp_path / "run", SETTINGS)
    assert not (tmp_path / "run").exists()


def test_a_twin_of_ones_own_without_micro_batches_says_so(unlabelled, tmp_path, mini):
    class Own(Twin):
        def forward(self, features, views=()):
            raise AssertionError("the run is refused before")

    method = Method((View(), View()), Own(mini), InfoNCE())
    with pytest.raises(UsageError, match="Own does not embed in micro-batches: derive it from"):
        train(method, unlabelled, tmp_path / "run", replace(SETTINGS, micro_batch=4))


def test_a_target_needs_dropout_somewhere(unlabelled, mini):
    set_dropout(mini, 0.0)
    twin = MomentumQueue(mini, ConstantMomentum(0.9), queue_size=8)
    method = Method((View(), View()), twin, InfoNCE())
    rows = numbered(unlabelled.rows.to_list()[:8])
    with pytest.raises(
        IdenticalViewsError, match="Both views of every sentence have the same embedding"
    ):
        loss_of(method.train(), rows, Collator(mini, method.views, 32, 0))


def test_an_adversary_needs_the_whole_batch(unlabelled, tmp_path, mini):
    method = Method((View(), View(perturb=Adversarial())), Siamese(mini), InfoNCE())
    with pytest.raises(UsageError, match="found with the whole batch at once"):
        train(method, unlabelled, tmp_path / "run", replace(SETTINGS, micro_batch=4))


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("InfoNCE(temperature=0.05, hard_negative_weight=1.0)", "InfoNCE(temperature=0.05)"),
        (
            "Sum(terms=(InfoNCE(temperature=0.1, hard_negative_weight=2.0), VICReg()))",
            "Sum(terms=(WeightedInfoNCE(temperature=0.1, hard_negative_weight=2.0), VICReg()))",
        ),
        *[(f"WeightedInfoNCE(temperature=0.1, hard_negative_weight={w})",) * 2 for w in (1.0, 2.0)],
    ],
)
def test_a_checkpoint_of_an_earlier_version_names_what_is_now_called_otherwise(was, now):
    twin = "(key_dropout=True, momentum=ConstantMomentum(momentum=0.9))"
    found = in_present_names(
        {"loss": was, "twin": "Momentum" + twin, "steps": 4}, {"twin": "MomentumQueue" + twin}
    )
    assert found == {"loss": now, "twin": "MomentumQueue" + twin, "max_steps": 4}
    assert stable_repr(View()) == "View(" + repr(View())[5:].replace(", template=None", "")
    assert "template" not in stable_repr(View())
    other = in_present_names({"loss": was, "twin": "Momentum" + twin}, {"twin": "Siamese()"})
    assert other["twin"] == "Momentum" + twin
