"""Recipes of views: they train, resume bit for bit and load as plain models; the data depends on
(seed, epoch, row, view) and on nothing else."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer

from sentemb import Method, NTXent, Settings, Siamese, View, train
from sentemb.bundled import bundled
from sentemb.datasets import TrainingData, read_training_data
from sentemb.methods import consert, consert_sup, crop, eda, esimcse
from sentemb.runs.logs import read_metrics
from sentemb.training.collator import Collator, NumberedRows
from sentemb.training.preflight import unchanged_share, warn_of_unchanged
from sentemb.views import (
    Adversarial,
    Crop,
    FeatureCutoff,
    GaussianNoise,
    SubwordRepetition,
    SupervisedAdversarial,
    TokenCutoff,
    TokenShuffle,
    WordDropout,
)
from tests.support import encoders
from tests.support.helpers import PowerCut, assert_bit_equal, state

SETTINGS = Settings(batch_size=8, learning_rate=1e-3, epochs=9, max_steps=5, save_steps=4)
POOLINGS = {"esimcse": "cls_before_pooler", "eda": "mean", "crop": "mean"}


def unsupervised_adversary(encoder):
    views = (View(), View(perturb=Adversarial(0.5)))
    return Method(views, Siamese(encoder), NTXent())


def supervised_adversary(encoder):
    method = consert_sup(encoder)
    attacks = [View(f"sentence{i}", perturb=SupervisedAdversarial()) for i in (1, 2)]
    method.views = (*method.views[:2], *attacks)
    return method


RECIPES = [consert, consert_sup, esimcse, eda, crop, unsupervised_adversary, supervised_adversary]


def named(recipe):
    return recipe.__name__


def in_every_run(*chosen):
    """Return all recipes, with a mark on those that `make test` leaves out."""
    return [r if r in chosen else pytest.param(r, marks=pytest.mark.long) for r in RECIPES]


def fresh(recipe):
    return recipe(encoders.mini(POOLINGS.get(recipe.__name__, "avg_top2")))


def data_of(recipe):
    """24 rows: 5 steps of batch 8 are one epoch of 3 and 2 of the next."""
    if recipe in (consert_sup, supervised_adversary):
        read = read_training_data(bundled("nli.tsv"), [("sentence1", "sentence2", "label")])
    else:
        read = read_training_data(bundled("sentences.txt"), [("text",)])
    return replace(read, rows=read.rows.select(range(24)))


@dataclass
class Run:
    method: Method
    folder: Path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Train each recipe once: a run to compare with, and to look at."""

    @cache
    def of(recipe):
        run = Run(fresh(recipe), tmp_path_factory.mktemp(recipe.__name__) / "run")
        train(run.method, data_of(recipe), run.folder, SETTINGS)
        return run

    return of


@pytest.mark.sampled
@pytest.mark.parametrize("recipe", in_every_run(consert, eda, unsupervised_adversary), ids=named)
def test_a_resume_in_the_second_epoch_is_bit_for_bit(whole, recipe, tmp_path):
    cut = fresh(recipe)
    twice = recipe is unsupervised_adversary  # a batch asks for the loss twice, a trial once
    cut.loss = PowerCut(cut.loss, batches=9 if twice else 4)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data_of(recipe), tmp_path / "cut", SETTINGS)
    torch.manual_seed(99)
    resumed = fresh(recipe)
    train(resumed, data_of(recipe), tmp_path / "cut", SETTINGS, resume=True)
    assert_bit_equal(state(whole(recipe).method), state(resumed))


@pytest.mark.sampled
@pytest.mark.parametrize("recipe", RECIPES, ids=named)
def test_the_model_is_a_plain_one_with_equal_vectors(whole, recipe, sentences):
    method, before = whole(recipe).method, state(fresh(recipe))
    plain = SentenceTransformer(str(whole(recipe).folder), device="cpu")
    ours = method.encoder.encode(sentences[:50])
    assert abs(plain.encode(sentences[:50]) - ours).max() <= 1e-6
    untouched = [name for name, t in state(method).items() if torch.equal(t, before[name])]
    assert [name for name in untouched if "layer_weights" not in name] == []


@pytest.mark.parametrize(
    "recipe",
    [r if r is eda else pytest.param(r, marks=pytest.mark.long) for r in RECIPES],
    ids=named,
)
def test_workers_change_nothing(whole, recipe, tmp_path):
    helped = fresh(recipe)
    train(helped, data_of(recipe), tmp_path / "helped", replace(SETTINGS, workers=2))
    assert_bit_equal(state(whole(recipe).method), state(helped))


class Recorder(Collator):
    """A collator that remembers what it handed out, and for which row of which epoch."""

    def __init__(self, *args):
        super().__init__(*args)
        self.seen = {}

    def __call__(self, rows):
        batch = super().__call__(rows)
        for i, row in enumerate(rows):
            for number, view in enumerate(batch["views"]):
                ids = view["input_ids"][i][view["attention_mask"][i].bool()].tolist()
                known = self.seen.setdefault((row["epoch"], row["row"], number), (ids, []))
                assert known[0] == ids
                known[1].append(int(view["row_keys"][i]))
        return batch


def test_rows_draw_anew_each_epoch_and_each_view_and_the_same_in_any_batch(mini, unlabelled):
    edit = View(edit=Crop(0.5), edit_tokens=SubwordRepetition())
    recorder = Recorder(mini, (edit, edit), 32, 7)
    rows = NumberedRows(unlabelled.rows)
    for rows.epoch in (0, 1):
        for size in (4, 16):
            for start in range(0, 64, size):
                recorder([rows[i] for i in range(start, start + size)])
    keys = [key for _, keys in recorder.seen.values() for key in keys]
    assert len(set(keys)) == len(recorder.seen) == len(keys) / 2
    differ = [
        recorder.seen[0, row, 0][0] != other
        for row in range(64)
        for other in (recorder.seen[1, row, 0][0], recorder.seen[0, row, 1][0])
    ]
    assert sum(differ) > 100


@pytest.mark.wide
def test_the_trainer_counts_epochs_through_a_resume(mini, unlabelled, tmp_path, monkeypatch):
    """Each epoch of a run that was cut and resumed sees what that epoch of a whole run sees."""
    seen = {}
    call = Collator.__call__

    def watch(self, rows):
        if len(rows) == 8 and torch.is_grad_enabled():
            seen.setdefault(watch.run, []).append([(row["epoch"], row["row"]) for row in rows])
        return call(self, rows)

    monkeypatch.setattr(Collator, "__call__", watch)
    data = replace(unlabelled, rows=unlabelled.rows.select(range(40)))
    settings = replace(SETTINGS, max_steps=8, save_steps=6)
    watch.run = "whole"
    train(fresh(crop), data, tmp_path / "whole", settings)
    watch.run = "cut"
    cut = fresh(crop)
    cut.loss = PowerCut(cut.loss, batches=7)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "cut", settings)
    watch.run = "resumed"
    train(fresh(crop), data, tmp_path / "cut", settings, resume=True)
    seen = {run: batches[1:] for run, batches in seen.items()}  # the first is tried beforehand
    assert [batch[0][0] for batch in seen["whole"][:8]] == [0] * 5 + [1] * 3
    assert seen["resumed"][0] == seen["whole"][6]
    assert seen["resumed"][:2] == seen["whole"][6:8]


def test_the_seed_changes_the_views(mini, sentences):
    view = (View(edit=Crop(0.5)),)
    row = [{"text": sentences[0], "row": 0, "epoch": 0}]
    crops = {tuple(Collator(mini, view, 32, seed)(row)["views"][0]["input_ids"][0].tolist())
             for seed in range(5)}  # fmt: skip
    assert len(crops) > 1


def test_one_step_is_the_same_in_one_batch_as_on_two_ranks(mini, unlabelled):
    """What a rank collates for its half is what one process collates for those rows."""
    views = (View(order=TokenShuffle()), View(perturb=GaussianNoise(), edit=Crop(0.5)))
    collator = Collator(mini, views, 32, 0)
    rows = NumberedRows(unlabelled.rows, epoch=3)
    whole = collator([rows[i] for i in range(16)])["views"]
    for rank in (0, 1):
        half = collator([rows[i] for i in range(rank, 16, 2)])["views"]
        for one, other in zip(whole, half, strict=True):
            assert torch.equal(one["row_keys"][rank::2], other["row_keys"])
            assert one["input_ids"][rank::2].sum(dim=1).equal(other["input_ids"].sum(dim=1))


def test_the_terms_of_a_sum_are_logged(tmp_path):
    train(
        fresh(consert_sup), data_of(consert_sup), tmp_path / "run", replace(SETTINGS, max_steps=10)
    )
    line = next(line for line in read_metrics(tmp_path / "run/metrics.jsonl") if "loss" in line)
    terms = line["loss_CrossEntropy"] + line["loss_EachSentence"]
    assert line["loss"] == pytest.approx(terms, abs=1e-3)
    assert line["loss_CrossEntropy"] == pytest.approx(1.1, abs=0.3)


def test_conserts_evaluation_pooling_is_deployed_and_its_training_pooling_is_not(unlabelled):
    method = fresh(consert)
    assert [type(module).__name__ for module in method.encoder] == [
        "Transformer",
        "WeightedLayerPooling",
        "Pooling",
    ]
    assert method.twin.pooling is not None
    assert consert(encoders.mini()).twin.pooling is None


def test_short_rows_at_the_start_are_no_identical_views(mini, tmp_path):
    """Token cutoff leaves sentences of few tokens as they are; later ones are long enough."""
    texts = ["two words"] * 8 + ["a much longer sentence than the ones that stand before it"] * 8
    data = TrainingData(Dataset.from_dict({"text": texts}), "short first", 0)
    method = consert(mini)
    method.views = (View(), View(perturb=TokenCutoff(0.1)))
    assert train(method, data, tmp_path / "run", replace(SETTINGS, max_steps=1)).steps == 1


def test_labels_are_numbered_by_name_and_told(tmp_path):
    file = tmp_path / "pairs.jsonl"
    file.write_text(
        '{"premise": "a", "hypothesis": "b", "label": 2}\n'
        '{"premise": "c", "hypothesis": "d", "label": 0}\n'
    )
    data = read_training_data(file, [("sentence1", "sentence2", "label")])
    assert isinstance(data, TrainingData)
    assert data.classes == ("0", "2")
    assert data.rows["label"][:] == [1, 0]


@pytest.mark.parametrize(
    ("view", "share"),
    [
        (View(), 1.0),
        (View(edit=WordDropout(0.5)), 0.75),
        (View(order=TokenShuffle()), 0.25),
        (View(perturb=FeatureCutoff(0.2)), 0.0),
        (View(perturb=FeatureCutoff(0.001)), 1.0),
        (View(perturb=Adversarial(0.5)), 0.0),
    ],
    ids=["clean", "words", "shuffle", "features", "no feature", "adversarial"],
)
def test_a_view_that_leaves_most_rows_as_they_are_is_warned_about(mini, caplog, view, share):
    """A sentence of one word keeps it, and three tokens may be shuffled into the same order; of 128
    features a thousandth is none."""
    rows = Dataset.from_dict({"text": ["guitar", "piano", "violin", "a man plays the guitar here"]})
    collator = Collator(mini, (View(), view), 32, 0)
    assert unchanged_share(view, rows, collator) == (share, 4)
    method = Method((View(), view), Siamese(mini), NTXent())
    warn_of_unchanged(method, rows, collator)
    warned = share > 0.5 and view != View()
    assert [f"leaves {100 * share:.0f} % of the first 4 rows" in m for m in caplog.messages] == [
        True
    ] * warned
