"""Several data sets in one run: whose rows each batch has, what it says of them, exact resume."""

import json
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch

import sentemb
from sentemb import InfoNCE, Method, Settings, Siamese, View, read_training_data
from sentemb.data_sources import DataSource, several_of
from sentemb.datasets.several import joined
from sentemb.encoders.prompts import leaves_prompt_out, prompt_of
from sentemb.errors import InputError, UsageError
from sentemb.losses import CoSENT, SupConOut, SymmetricInfoNCE
from sentemb.runs.run_folder import read_record
from sentemb.training.mixed import MixedMethod
from sentemb.training.mixing import Mixing
from sentemb.twins.ema import ConstantMomentum
from sentemb.twins.momentum import Momentum
from tests.support import encoders
from tests.support.helpers import PowerCut, assert_bit_equal, state

NAMES = ("a", "b", "c")
SIZES = (21, 50, 11)


def mixing(order="proportional", weights=(), sizes=SIZES, batch=5, seed=0):
    return Mixing(NAMES[: len(sizes)], sizes, batch, seed, order, weights)


def owners(batches, sizes=SIZES):
    """The data set of each batch, which must be one."""
    ends = np.cumsum(sizes)
    found = [np.unique(np.searchsorted(ends, batch, side="right")) for batch in batches]
    assert all(len(each) == 1 for each in found)
    return [int(each[0]) for each in found]


def test_proportional_is_every_whole_batch_of_each_once():
    mixed = mixing()
    batches = list(mixed.batches(0))
    assert Counter(owners(batches)) == {0: 4, 1: 10, 2: 2}
    assert mixed.total == len(batches) == 16
    rows = np.concatenate(batches)
    assert len(set(rows.tolist())) == len(rows) == 80
    again, other = list(mixing().batches(0)), list(mixed.batches(1))
    assert all(map(np.array_equal, batches, again))
    assert owners(batches) != owners(other)
    assert set(np.concatenate(other).tolist()) != set(rows.tolist())  # others are left over


def test_in_turn():
    mixed = mixing("round-robin")
    assert owners(mixed.batches(0)) == [0, 1, 2] * 5 + [0]
    assert mixed.counts.tolist() == [6, 5, 5]


def test_by_weights():
    mixed = mixing("weights", (1.0, 0.0, 3.0))
    assert Counter(owners(mixed.batches(0))) == {0: 4, 2: 12}
    assert mixing("weights", (0.1, 0.1, 0.1)).counts.tolist() == [6, 5, 5]


def test_a_data_set_goes_on_where_it_stopped_and_begins_again_in_another_order():
    """Ten batches of b, five an epoch: two epochs are one pass; two of c are gone five times."""
    mixed = mixing("round-robin")
    epochs = [list(mixed.batches(epoch)) for epoch in range(2)]
    of_b = [b for epoch in epochs for b, who in zip(epoch, owners(epoch), strict=True) if who == 1]
    assert sorted(np.concatenate(of_b).tolist()) == list(range(21, 71))
    of_c = [b for epoch in epochs for b, who in zip(epoch, owners(epoch), strict=True) if who == 2]
    passes = [np.concatenate(of_c[n : n + 2]) for n in range(0, 10, 2)]
    assert all(len(set(each.tolist())) == 10 for each in passes)
    assert not np.array_equal(passes[0], passes[1])


@pytest.mark.parametrize("order", ["proportional", "round-robin"])
def test_counts_of_a_run(order):
    mixed = mixing(order)
    every = [who for epoch in range(3) for who in owners(mixed.batches(epoch))]
    for batches in (0, 1, 7, 16, 20, 40):
        counted = Counter(every[:batches])
        assert mixed.seen(batches) == [counted[n] for n in range(3)]


def test_an_epoch_of_five_batches_is_three_steps_of_two():
    mixed = mixing(sizes=(15, 10))
    assert [mixed.batches_of(steps, 2) for steps in range(8)] == [0, 2, 4, 5, 7, 9, 10, 12]
    assert mixed.batches_of(7, 1) == 7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mixing(sizes=(9, 4)), "larger than the data set 'b' \\(4 rows\\): give `batch_s"),
        (lambda: mixing("weights", (0.0, 0.0, 0.0)), "weights of the data sets sum to 0"),
        (lambda: mixing("weights", (1.0, -1.0, 1.0)), "weight of 'b' must be 0 or a positive"),
        (lambda: mixing("weights", (1.0,)), "3 data sets need as many weights, got 1"),
        (lambda: mixing("alternating"), "mixing must be one of proportional, round-robin, weights"),
    ],
)
def test_what_cannot_be_mixed(make, message):
    with pytest.raises(UsageError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_one_data_set_or_several(tmp_path):
    (tmp_path / "x.txt").write_text("A text.\n")
    path = str(tmp_path / "x.txt")
    frame = pandas.DataFrame({"text": ["a", "b"]})
    several = {
        "paths by name": {"one": path, "two": path},
        "paths": [Path(path), Path(path)],
        "tables": [frame, frame],
        "sources": (DataSource([("a", "b")]), DataSource(path)),
    }
    names = {"paths": ["x", "x_2"], "tables": ["data", "data_2"], "sources": ["data", "x"]}
    for what, data in several.items():
        assert list(several_of(data)) == names.get(what, ["one", "two"])
    for one in (path, Path(path), ["a text", "another"], ["x.txt", "a text"], [("a", "b")], frame,
                {"text": ["a"]}, {"text": frame["text"]}, [{"text": "a"}], None, [],
                {"text": np.array(["a", "b"])}):  # fmt: skip
        assert several_of(one) is None
    numbered = [Path(name) for name in ("x_2.csv", "x.csv", "b/x.csv", "x_3.csv")]
    assert list(several_of(numbered)) == ["x_2", "x", "x_3", "x_3_2"]
    with pytest.raises(UsageError, match="list of 2 texts that are names of files: give pathlib"):
        several_of([path, path])


@pytest.fixture(scope="module")
def files(tmp_path_factory, triplets, unlabelled):
    """Triplets with up to two negatives, captions as pairs, and graded pairs."""
    folder = tmp_path_factory.mktemp("files")
    rows = triplets.rows.select(range(24)).to_list()
    hard = [row["negative"] for row in rows]
    for n, row in enumerate(rows):
        row["negative"] = [hard[n], hard[n - 1]][: n % 3]
    (folder / "nli.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    texts = unlabelled.rows["text"][:33]
    pairs = [f"{one}\t{other}" for one, other in pairwise(texts)]
    (folder / "captions.tsv").write_text("\n".join(["anchor\tpositive", *pairs]) + "\n")
    graded = [f"{a}\t{b}\t{n % 6}" for n, (a, b) in enumerate(zip(texts, texts[2:], strict=False))]
    (folder / "graded.tsv").write_text("\n".join(["sentence1\tsentence2\tscore", *graded]) + "\n")
    return folder


def sources(files, **weights):
    return {
        "nli": DataSource(files / "nli.jsonl", weight=weights.get("nli")),
        "captions": DataSource(files / "captions.tsv", SymmetricInfoNCE()),
        "graded": DataSource(files / "graded.tsv", "cosent", weights.get("graded")),
    }


SETTINGS = {"batch_size": 8, "max_steps": 15, "save_steps": 4, "learning_rate": 1e-3}


def trained(files, output, mixing=None, **options):
    return sentemb.train("simcse-sup", sources(files), output, mixing=mixing,
                         model=encoders.mini("mean"), **SETTINGS | options)  # fmt: skip


def test_a_run_says_what_it_had_of_each(files, tmp_path, caplog):
    caplog.set_level("INFO")
    run = trained(files, tmp_path / "run", max_steps=4, accumulation=2)
    data = read_record(tmp_path / "run/run.json")["data"]
    assert data["mixing"] == "proportional"
    found = {one["name"]: one for one in data["sources"]}
    assert list(found) == ["nli", "captions", "graded"]
    assert [one["rows"] for one in found.values()] == [24, 32, 31]
    assert [one["batches_an_epoch"] for one in found.values()] == [3, 4, 3]
    assert sum(one["batches"] for one in found.values()) == 8
    assert found["graded"]["loss"].startswith("CoSENT")
    assert found["nli"]["columns"] == ["anchor", "positive", "negative", "negative_2"]
    assert run.rows_left_over == 7
    assert not [message for message in caplog.messages if "does not read" in message]
    lines = [line for line in caplog.messages if line.startswith("data set ")]
    assert len(lines) == 3
    said = f"data set graded: {found['graded']['rows']} rows (sentence1, sentence2, label), CoSENT"
    assert lines[2].startswith(said)
    assert said in run.summary()
    card = (tmp_path / "run/README.md").read_text()
    assert "data set captions" in card
    assert str(tmp_path) not in card
    losses = {name for line in run.history for name in line if name.startswith("loss_")}
    assert losses == {"loss_nli", "loss_captions", "loss_graded"}
    again = [f"{name}={files / name}" + (".jsonl" if name == "nli" else ".tsv") for name in found]
    assert run.record["config"]["data"] == again
    assert [one.partition("(")[0] for one in run.record["config"]["source_loss"]] == [
        "captions=SymmetricInfoNCE",
        "graded=CoSENT",
    ]


class CutInItsFourteenthBatch(MixedMethod):
    batches = 0

    def forward(self, views, labels=None, source=0):
        self.batches += 1
        if self.batches == 14:
            raise KeyboardInterrupt
        return super().forward(views, labels, source)


slow_target = partial(Momentum, momentum=ConstantMomentum(0.9))


@pytest.mark.parametrize(
    ("order", "twin_of"),
    [
        pytest.param("proportional", Siamese, marks=pytest.mark.long),
        ("round-robin", Siamese),
        pytest.param("round-robin", slow_target, marks=pytest.mark.wide),
    ],
)
def test_a_run_that_was_cut_in_its_second_epoch_goes_on_bit_for_bit(
    files, tmp_path, order, twin_of
):
    """Ten batches an epoch; cut in the fourteenth, its checkpoint is of the twelfth."""
    data = joined(
        {name: sentemb.datasets.as_training_data(source.data, layouts)
         for (name, source), layouts in zip(sources(files).items(), [
             [("anchor", "positive", "negative")], [("anchor", "positive")],
             [("sentence1", "sentence2", "score")]], strict=True)}, order)  # fmt: skip

    def fresh(kind=MixedMethod):
        twin = twin_of(encoders.mini("mean"))
        columns = ("anchor", "positive", "negative", "negative_2")
        views = tuple(map(View, columns))
        graded = tuple(map(View, ("sentence1", "sentence2")))
        methods = {
            "nli": Method(views, twin, InfoNCE()),
            "captions": Method(views[:2], twin, SymmetricInfoNCE()),
            "graded": Method(graded, twin, CoSENT()),
        }
        return kind(methods, ["none", "none", "scores"])

    settings = Settings(**SETTINGS)
    whole, cut, resumed = fresh(), fresh(CutInItsFourteenthBatch), fresh()
    sentemb.train(whole, data, tmp_path / "whole", settings)
    with pytest.raises(KeyboardInterrupt):
        sentemb.train(cut, data, tmp_path / "cut", settings)
    sentemb.train(resumed, data, tmp_path / "cut", settings, resume=True)
    assert_bit_equal(state(whole), state(resumed))
    before, after = state(fresh()), state(whole)
    assert not [name for name in after if torch.equal(after[name], before[name])]


def test_prompts_of_several_data_sets_are_left_out(files):
    run = sentemb.train("simcse-sup", sources(files), prompt={"anchor": "question: "},
                        include_prompt=False, max_steps=1, batch_size=8,
                        model=encoders.mini("mean"))  # fmt: skip
    assert leaves_prompt_out(run.model)
    assert prompt_of(run.model, "anchor") == "question: "


@pytest.mark.wide
def test_other_weights_are_another_run(files, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        sentemb.train("simcse-sup", sources(files, nli=2), tmp_path / "run", **SETTINGS,
                      model=encoders.mini("mean"), loss=PowerCut(InfoNCE(), batches=6))  # fmt: skip
    with pytest.raises(UsageError, match="mixing"):
        sentemb.train("simcse-sup", sources(files, nli=3), tmp_path / "run", **SETTINGS,
                      model=encoders.mini("mean"), loss=PowerCut(InfoNCE(), batches=99),
                      resume=True)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ({"nli": DataSource([])}, {}, InputError, r"^data\['nli'\] holds no row"),
        ({"graded": "graded.tsv"}, {}, InputError, "needed are anchor, positive, negative or anch"),
        ({}, {"mixing": "weights"}, UsageError, "`mixing='weights'` needs a weight"),
        (
            {"nli": DataSource("nli.jsonl", weight=0)},
            {"mixing": "round-robin"},
            UsageError,
            "Weights of data sets have no effect beside `mixing='round-robin'`",
        ),
        ({"nli": DataSource("nli.jsonl", weight=-1)}, {}, UsageError, "weight of 'nli' must be 0"),
        ({}, {"columns": ["a", "b"]}, UsageError, "`columns` are of one data set"),
        ({}, {"batch_size": 25}, UsageError, "larger than the data set 'nli' .24 rows.: give"),
        ({}, {"select": "held-out-loss"}, UsageError, "`select='held-out-loss'` is for one data"),
    ],
)
def test_what_is_refused(files, change, options, error, message, monkeypatch):
    monkeypatch.chdir(files)
    with pytest.raises(error, match=message) as caught:
        sentemb.train("simcse-sup", sources(files) | change, model=encoders.mini("mean"),
                      **{"max_steps": 1, "batch_size": 8} | options)  # fmt: skip
    assert "\n" not in str(caught.value)


def test_weights_of_zero_in_all(files):
    data = {name: replace(one, weight=0) for name, one in sources(files).items()}
    with pytest.raises(UsageError, match=r"^The weights of the data sets sum to 0: give one"):
        sentemb.train("simcse-sup", data, model=encoders.mini("mean"))
    with pytest.raises(UsageError, match="`mixing` has no effect on one data set"):
        sentemb.train("simcse-sup", files / "nli.jsonl", mixing="round-robin")


def test_classes_single_texts_and_the_batch_by_default(files, unlabelled):
    labelled = [{"text": text, "label": "xy"[n % 2]}
                for n, text in enumerate(unlabelled.rows["text"][:20])]  # fmt: skip
    data = {"texts": DataSource(unlabelled.rows["text"][:40], InfoNCE()),
            "classes": DataSource(labelled, SupConOut())}  # fmt: skip
    run = sentemb.train("simcse-sup", data, max_steps=4, model=encoders.mini("mean"))
    assert run.settings.batch_size <= 16
    assert run.steps == 4
    plan = sentemb.train("simcse-sup", sources(files), max_steps=4, batch_size=8, dry_run=True,
                         model=encoders.mini("mean"))  # fmt: skip
    assert (plan.batches, plan.rows, plan.rows_left_over) == (10, 87, 7)


def test_methods_of_other_twins_are_refused(mini):
    views = (View("anchor"), View("positive"))
    each = {name: Method(views, Siamese(mini), InfoNCE()) for name in "ab"}
    with pytest.raises(UsageError, match="Several data sets train one twin"):
        MixedMethod(each, ["none", "none"])
    for name in ("loss", "masked_negatives"):
        with pytest.raises(UsageError, match=f"No data set can be called '{name}': give it anoth"):
            MixedMethod({name: each["a"]}, ["none"])
    one = MixedMethod({"a": each["a"]}, ["none"])
    rows = read_training_data(sentemb.bundled.bundled("triplets.csv"), [("anchor", "positive")])
    with pytest.raises(UsageError, match="needs the data of all its data sets"):
        sentemb.train(one, rows)
    with pytest.raises(UsageError, match="Several data sets need a MixedMethod"):
        sentemb.train(each["a"], joined({"a": rows}))
