"""A run: exact resume, plain models, the best checkpoint, and what it refuses before it writes."""

import copy
import json
import shutil
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

import sentemb
from sentemb import (
    InfoNCE,
    Method,
    Settings,
    Siamese,
    View,
    read_sts,
    simcse_sup,
    simcse_unsup,
    train,
)
from sentemb.bundled import bundled
from sentemb.errors import IdenticalViewsError, NumericError, UsageError
from sentemb.evaluation import STS
from sentemb.losses import FlatNCE, Sigmoid, Sum, SymmetricInfoNCE
from sentemb.runs.logs import read_metrics
from sentemb.runs.run_folder import read_record
from sentemb.training.starting_point import advice
from tests.support import encoders
from tests.support.helpers import PowerCut, assert_bit_equal, state

SETTINGS = Settings(batch_size=8, learning_rate=1e-3, epochs=1, max_steps=8, save_steps=4)
KEPT = replace(SETTINGS, keep_checkpoints=True)


@pytest.fixture(scope="module")
def dev():
    return read_sts(bundled("formats/graded.tsv"))


def fresh(recipe):
    if recipe == "simcse-unsup":
        return simcse_unsup(encoders.mini("cls_before_pooler"))
    return simcse_sup(encoders.mini("cls"))


@pytest.fixture(scope="module")
def unlabelled(unlabelled):
    """67 rows: 8 batches, and 3 rows that fill none."""
    return replace(unlabelled, rows=unlabelled.rows.select(range(67)))


@pytest.fixture(params=["simcse-unsup", "simcse-sup"])
def recipe(request):
    return request.param


@pytest.fixture
def data(recipe, unlabelled, triplets):
    return unlabelled if recipe == "simcse-unsup" else triplets


@dataclass
class Run:
    method: Method
    folder: Path


@pytest.fixture(scope="module")
def whole(unlabelled, triplets, tmp_path_factory):
    """Train each recipe for eight steps, once: a run to compare with, and to look at."""

    @cache
    def of(recipe):
        run = Run(fresh(recipe), tmp_path_factory.mktemp(recipe) / "run")
        data = unlabelled if recipe == "simcse-unsup" else triplets
        train(run.method, data, run.folder, KEPT)
        return run

    return of


@pytest.mark.sampled
def test_eight_steps_are_four_and_four_resumed(whole, recipe, data, tmp_path):
    cut = fresh(recipe)
    cut.loss = PowerCut(cut.loss, batches=6)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "cut", SETTINGS)
    torch.manual_seed(99)
    resumed = fresh(recipe)
    train(resumed, data, tmp_path / "cut", SETTINGS, resume=True)
    assert_bit_equal(state(whole(recipe).method), state(resumed))
    steps = [line["step"] for line in read_metrics(tmp_path / "cut/metrics.jsonl")]
    assert steps == sorted(steps)


def test_the_model_is_a_plain_one_with_equal_vectors(whole, recipe, sentences):
    plain = SentenceTransformer(str(whole(recipe).folder), device="cpu")
    ours = whole(recipe).method.encoder.encode(sentences[:50])
    assert np.abs(plain.encode(sentences[:50]) - ours).max() <= 1e-6
    expected = {"simcse-unsup": ["Transformer", "Pooling"]}
    modules = [type(module).__name__ for module in plain]
    assert modules == expected.get(recipe, ["Transformer", "Pooling", "Dense"])


def test_every_checkpoint_is_a_plain_model_too(whole, sentences):
    folder = whole("simcse-unsup").folder
    checkpoint = folder / "checkpoints/checkpoint-8"
    saved = SentenceTransformer(str(checkpoint), device="cpu").encode(sentences[:5])
    final = SentenceTransformer(str(folder), device="cpu").encode(sentences[:5])
    assert np.array_equal(saved, final)


def test_every_parameter_trains(whole, recipe):
    before, after = state(fresh(recipe)), state(whole(recipe).method)
    assert [name for name, tensor in after.items() if torch.equal(tensor, before[name])] == []


def test_evaluation_does_not_change_training(whole, unlabelled, tmp_path, dev):
    watched = fresh("simcse-unsup")
    often = replace(SETTINGS, eval_steps=1, select="last")
    train(watched, unlabelled, tmp_path / "watched", often, dev=dev)
    assert_bit_equal(state(whole("simcse-unsup").method), state(watched))


def test_the_best_checkpoint_becomes_the_model(triplets, tmp_path, dev, monkeypatch):
    scores = dict(enumerate([20.0, 21.0, 25.0, 30.0, 28.0, 22.0, 10.0, 5.0, 1.0]))
    told = iter(scores.values())
    monkeypatch.setattr(STS, "__call__", lambda *_: {"spearman": next(told)})
    settings = replace(KEPT, eval_steps=1)
    run = train(fresh("simcse-sup"), triplets, tmp_path / "run", settings, dev=dev)
    lines = read_metrics(tmp_path / "run/metrics.jsonl")
    assert {x["step"]: x["eval_spearman"] for x in lines if "eval_spearman" in x} == scores
    assert (run.best_step, run.steps, run.lowered_to) == (3, 8, {})
    assert (run.before["spearman"], run.metrics["spearman"]) == (20, 30)
    kept = {path.name for path in (tmp_path / "run/checkpoints").iterdir()}
    assert kept == {"checkpoint-3", "checkpoint-7", "checkpoint-8"}
    for step, same in ((3, True), (7, False)):
        saved = SentenceTransformer(str(tmp_path / f"run/checkpoints/checkpoint-{step}"))
        vectors = [model.encode(["A dog runs."]) for model in (saved, run.model)]
        assert np.array_equal(*vectors) == same


def test_the_start_is_kept_where_no_step_is_better(triplets, tmp_path, dev, monkeypatch):
    told = iter([30.0, 29.0, 28.5, *[10.0] * 6])
    settings = replace(SETTINGS, eval_steps=1)
    method, start = fresh("simcse-sup"), fresh("simcse-sup")
    with monkeypatch.context() as patch:
        patch.setattr(STS, "__call__", lambda *_: {"spearman": next(told)})
        run = train(method, triplets, tmp_path / "run", settings, dev=dev)
    assert (run.best_step, run.metrics, run.lowered_to) == (0, run.before, {"spearman": 29.0})
    assert_bit_equal(state(method.encoder), state(start.encoder))
    plain = SentenceTransformer(str(tmp_path / "run"), device="cpu")
    assert np.array_equal(plain.encode(["A dog."]), start.encoder.encode(["A dog."]))
    assert read_record(tmp_path / "run/run.json")["best_step"] == 0
    said = run.summary()
    assert "better than the start (spearman 30.00, then 29.00 at best)" in said
    assert said.index("more rows than 160") < said.index("a lower `learning_rate`")
    last = train(
        fresh("simcse-sup"), triplets, tmp_path / "last", replace(settings, select="last"), dev=dev
    )
    assert (last.best_step, last.lowered_to) == (8, {})


@pytest.mark.wide
def test_a_better_pooling_of_the_models_own_is_named(all_bundled, tmp_path):
    """[CLS] of a masked-language model is far below its mean, which is the bundled one's own."""
    rows, graded = [f"Row {n} of {n * n}." for n in range(40)], bundled("graded.tsv")
    run = sentemb.train("simcse-unsup", rows, dev=graded, pooling="cls", max_steps=1, batch_size=8)
    own = run.as_it_is
    assert own["modules"] == "Transformer -> Pooling mean"
    assert own["spearman"] > run.before["spearman"] + 1
    assert f"with its own pooling ({own['modules']}) it began at" in run.summary()
    assert "above what it has now: give that pooling as `pooling`" in run.summary()
    advised = advice({"spearman": own["spearman"] - 1}, own, 20_000)
    assert [words.partition(" (")[0] for words in advised] == [
        "the model's own pooling",
        "a lower `learning_rate`",
    ]
    assert sentemb.train("simcse-unsup", rows, dev=graded, max_steps=1, batch_size=8).as_it_is == {}


def test_held_out_loss_selects_without_labels(unlabelled, tmp_path):
    settings = replace(SETTINGS, select="held-out-loss", eval_steps=2)
    run = train(fresh("simcse-unsup"), unlabelled, tmp_path / "run", settings)
    lines = read_metrics(tmp_path / "run/metrics.jsonl")
    losses = {
        x["step"]: x["eval_held_out_loss"] for x in lines if "eval_held_out_loss" in x and x["step"]
    }
    assert set(losses) == {2, 4, 6, 8}
    known = {0: run.before["held_out_loss"], **losses}
    assert run.best_step == min(known, key=known.get)
    assert run.rows + run.held_out_rows == len(unlabelled.rows)
    assert losses[8] < losses[2]


def test_accumulation_takes_the_mean_of_its_batches(triplets, tmp_path):
    """With dropout off, one step over two batches equals the mean of their gradients."""
    method = fresh("simcse-sup")
    for module in method.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    method.encoder[0].model.config.attention_probs_dropout_prob = 0.0
    seen = []
    loss = method.loss

    def spy(pairs):
        value = loss(pairs)
        if torch.is_grad_enabled():
            seen.append(float(value.detach()))
        return value

    method.loss = spy
    settings = replace(SETTINGS, accumulation=2, max_steps=10, learning_rate=1e-8, save_steps=10)
    train(method, triplets, tmp_path / "run", settings)
    del seen[0]  # of the rows that are tried before anything is written
    assert len(seen) == 20
    logged = next(x["loss"] for x in read_metrics(tmp_path / "run/metrics.jsonl") if "loss" in x)
    assert logged == pytest.approx(np.mean(seen), rel=1e-5)


def test_bf16_trains(unlabelled, tmp_path):
    run = train(
        fresh("simcse-unsup"),
        unlabelled,
        tmp_path / "r",
        replace(SETTINGS, precision="bf16", max_steps=2),
    )
    assert run.steps == 2
    loaded = SentenceTransformer(str(tmp_path / "r"), device="cpu")
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}


def test_every_row_is_accounted_for(unlabelled, tmp_path):
    run = train(
        fresh("simcse-unsup"), unlabelled, tmp_path / "run", replace(SETTINGS, max_length=8)
    )
    assert run.rows == len(unlabelled.rows)
    assert run.rows_left_over == len(unlabelled.rows) % 8
    tokenizer = fresh("simcse-unsup").encoder.tokenizer
    lengths = [len(ids) for ids in tokenizer(unlabelled.rows["text"][:])["input_ids"]]
    assert run.truncated_texts == sum(length > 8 for length in lengths) > 0


def test_model_files_can_be_read_by_others(whole):
    for file in whole("simcse-unsup").folder.glob("*.safetensors"):
        assert file.stat().st_mode & 0o044 == 0o044


def refused(tmp_path: Path) -> bool:
    """Tell whether nothing was written."""
    return not (tmp_path / "run").exists()


def test_fp16_needs_a_gpu(unlabelled, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="fp16 needs a CUDA GPU"):
        train(
            fresh("simcse-unsup"), unlabelled, tmp_path / "run", replace(SETTINGS, precision="fp16")
        )
    assert refused(tmp_path)


def test_a_batch_larger_than_the_data(unlabelled, tmp_path):
    few = replace(unlabelled, rows=unlabelled.rows.select(range(5)))
    with pytest.raises(UsageError, match=r"batch of 8 is larger than the data \(5 rows\)"):
        train(fresh("simcse-unsup"), few, tmp_path / "run", SETTINGS)
    with pytest.raises(UsageError, match="5 rows are too few to hold a batch of 8 out"):
        train(
            fresh("simcse-unsup"), few, tmp_path / "run", replace(SETTINGS, select="held-out-loss")
        )
    assert refused(tmp_path)


def test_identical_views_stop_before_anything_is_written(unlabelled, tmp_path):
    method = fresh("simcse-unsup")
    for module in method.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with pytest.raises(IdenticalViewsError, match="has no dropout"):
        train(method, unlabelled, tmp_path / "run", SETTINGS)
    assert refused(tmp_path)


def test_a_loss_that_is_no_number_stops_the_run(unlabelled, tmp_path, mini_cls):
    method = Method(
        (View(), View()), Siamese(mini_cls), lambda pairs: InfoNCE()(pairs) * float("nan")
    )
    with pytest.raises(NumericError, match="loss is nan at step"):
        train(method, unlabelled, tmp_path / "run", replace(SETTINGS, max_steps=20))
    assert not (tmp_path / "run/modules.json").exists()


def test_weights_that_are_no_numbers_are_never_a_model(unlabelled, tmp_path, mini_cls):
    """Three steps end before the loss is first logged; the weights are looked at all the same."""
    method = Method((View(), View()), Siamese(mini_cls), InfoNCE())
    method.loss = lambda pairs: InfoNCE()(pairs) * (float("nan") if torch.is_grad_enabled() else 1)
    with pytest.raises(NumericError):
        train(method, unlabelled, tmp_path / "run", replace(SETTINGS, max_steps=3))
    assert not (tmp_path / "run/modules.json").exists()
    for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)


@pytest.mark.sampled
@pytest.mark.parametrize("select", ["spearman", "held-out-loss"])
def test_a_selecting_run_resumes_from_its_last_step_and_knows_its_best(
    unlabelled, tmp_path, dev, select
):
    settings = replace(SETTINGS, select=select, eval_steps=1, learning_rate=3e-3, max_steps=4)
    whole = fresh("simcse-unsup")
    expected = train(whole, unlabelled, tmp_path / "whole", settings, dev=dev)
    cut = fresh("simcse-unsup")
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, unlabelled, tmp_path / "cut", settings, dev=dev)
    resumed = fresh("simcse-unsup")
    run = train(resumed, unlabelled, tmp_path / "cut", settings, dev=dev, resume=True)
    assert (run.best_step, run.steps) == (expected.best_step, 4)
    assert run.metrics == expected.metrics
    assert_bit_equal(state(whole), state(resumed))


def test_a_run_cut_before_its_record_is_published_once_more(whole, unlabelled, tmp_path):
    shutil.copytree(whole("simcse-unsup").folder, tmp_path / "run")
    for name in ("modules.json", "run.json"):
        (tmp_path / "run" / name).unlink()
    lines = (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    again = fresh("simcse-unsup")
    run = train(again, unlabelled, tmp_path / "run", SETTINGS, resume=True)
    assert run.steps == 8
    assert_bit_equal(state(whole("simcse-unsup").method), state(again))
    assert (tmp_path / "run/modules.json").exists()
    assert len((tmp_path / "run/metrics.jsonl").read_text().splitlines()) == len(lines)


def test_a_finished_run_has_nothing_to_resume(whole, unlabelled):
    folder = whole("simcse-unsup").folder
    with pytest.raises(UsageError, match="has taken all of its 8 steps"):
        train(fresh("simcse-unsup"), unlabelled, folder, SETTINGS, resume=True)


def test_a_torn_checkpoint_and_a_torn_line_are_passed_over(whole, unlabelled, tmp_path):
    cut = fresh("simcse-unsup")
    cut.loss = PowerCut(cut.loss, batches=6)
    with pytest.raises(KeyboardInterrupt):
        train(cut, unlabelled, tmp_path / "cut", SETTINGS)
    torn = tmp_path / "cut/checkpoints/checkpoint-7"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"half")
    with (tmp_path / "cut/metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "lo')
    resumed = fresh("simcse-unsup")
    train(resumed, unlabelled, tmp_path / "cut", SETTINGS, resume=True)
    assert_bit_equal(state(whole("simcse-unsup").method), state(resumed))


def test_workers_do_not_change_the_data(whole, unlabelled, tmp_path):
    helped = fresh("simcse-unsup")
    train(helped, unlabelled, tmp_path / "helped", replace(SETTINGS, workers=2))
    assert_bit_equal(state(whole("simcse-unsup").method), state(helped))


def test_epochs_are_whole_with_accumulation(unlabelled, tmp_path):
    rows = replace(unlabelled, rows=unlabelled.rows.select(range(40)))  # 5 batches an epoch
    settings = replace(SETTINGS, max_steps=0, epochs=2, accumulation=2)
    assert train(fresh("simcse-unsup"), rows, tmp_path / "run", settings).steps == 6


def test_a_length_the_encoder_cannot_take(unlabelled, tmp_path):
    long = replace(SETTINGS, max_length=300)
    with pytest.raises(UsageError, match="max_length is 300, but the encoder takes 128 tokens"):
        train(fresh("simcse-unsup"), unlabelled, tmp_path / "run", long)
    assert refused(tmp_path)


def test_the_output_folder_is_not_overwritten_unasked(unlabelled, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    for options, message in (
        ({}, "is not empty: give another"),
        ({"overwrite": True}, "holds no run of sentemb: not overwritten"),
        ({"resume": True}, "Nothing to resume"),
        ({"resume": True, "overwrite": True}, "give one of them"),
    ):
        with pytest.raises(UsageError, match=message):
            train(fresh("simcse-unsup"), unlabelled, folder, SETTINGS, **options)
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_checkpoint_of_another_method_is_refused(whole, unlabelled, tmp_path):
    shutil.copytree(whole("simcse-unsup").folder, tmp_path / "run")
    other = Method((View(), View()), Siamese(fresh("simcse-sup").encoder), InfoNCE())
    longer = replace(SETTINGS, max_steps=9)
    with pytest.raises(
        UsageError, match=r"steps was 8, is now 9.*its state does not fit"
    ) as caught:
        train(other, unlabelled, tmp_path / "run", longer, resume=True)
    assert "allow_changed" not in str(caught.value)
    allowed = ("steps", "twin", "loss", "model")
    with pytest.raises(ValueError, match="its state does not fit") as caught:
        train(other, unlabelled, tmp_path / "run", longer, resume=True, allow_changed=allowed)
    assert "\n" not in str(caught.value)


def test_metrics_are_json_lines(unlabelled, tmp_path):
    train(fresh("simcse-unsup"), unlabelled, tmp_path / "run", replace(SETTINGS, max_steps=10))
    lines = (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    assert "loss" in json.loads(lines[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 1}, "batch_size must be at least 2, got 1"),
        ({"max_length": 2}, "max_length must be at least 3"),
        ({"accumulation": 0}, "accumulation must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"epochs": 0, "max_steps": 0}, "epochs must be positive"),
        ({"warmup": 1.5}, r"warmup is a rate in \[0, 1\]"),
        ({"precision": "fp8"}, "precision must be one of auto, fp32, bf16, fp16; got 'fp8'"),
        ({"select": "best"}, "select must be one of"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"max_grad_norm": float("nan")}, "max_grad_norm must be at least 0"),
    ],
)
def test_settings_out_of_range(changes, message):
    with pytest.raises(UsageError, match=message):
        replace(SETTINGS, **changes)


def test_selecting_by_spearman_needs_a_dev_set(unlabelled, tmp_path):
    with pytest.raises(UsageError, match="needs a dev set"):
        train(
            fresh("simcse-unsup"), unlabelled, tmp_path / "r", replace(SETTINGS, select="spearman")
        )


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(SymmetricInfoNCE(0.1), id="a module", marks=pytest.mark.long),
        pytest.param(Sum((InfoNCE(), Sigmoid()), (1.0, 0.1)), id="a module in a sum"),
    ],
)
def test_a_learned_temperature_trains_and_resumes_bit_for_bit(unlabelled, tmp_path, loss):
    settings = replace(SETTINGS, max_steps=4, save_steps=2)

    def build():
        method = fresh("simcse-unsup")
        return Method(method.views, method.twin, copy.deepcopy(loss))

    whole = build()
    before = {name: p.clone() for name, p in whole.named_parameters() if "temperature" in name}
    train(whole, unlabelled, tmp_path / "whole", settings)
    after = dict(whole.named_parameters())
    assert before
    assert all(not torch.equal(p, after[name]) for name, p in before.items())
    cut = build()
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, unlabelled, tmp_path / "cut", settings)
    resumed = build()
    train(resumed, unlabelled, tmp_path / "cut", settings, resume=True)
    assert_bit_equal(state(resumed), state(whole))


def test_masked_negatives_are_counted_across_a_resume(unlabelled, tmp_path):
    rows = unlabelled.rows.select([0, 0, 1, 2, 3, 4, 5, 6])
    data = replace(unlabelled, rows=rows)
    settings = replace(SETTINGS, epochs=8, max_steps=4, save_steps=2)
    whole = train(fresh("simcse-unsup"), data, tmp_path / "whole", settings)
    assert whole.masked_negatives == 4 * 2
    cut = fresh("simcse-unsup")
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "cut", settings)
    resumed = train(fresh("simcse-unsup"), data, tmp_path / "cut", settings, resume=True)
    assert resumed.masked_negatives == 4 * 2


def test_gradients_of_flat_nce_are_clipped_only_on_request(unlabelled, tmp_path):
    one = replace(SETTINGS, max_steps=1)
    method = fresh("simcse-unsup")
    flat = Method(method.views, method.twin, FlatNCE())
    run = train(flat, unlabelled, tmp_path / "flat", one)
    assert run.settings.max_grad_norm == 0
    run = train(flat, unlabelled, tmp_path / "clip", replace(one, max_grad_norm=1.0))
    assert run.settings.max_grad_norm == 1
    run = train(fresh("simcse-unsup"), unlabelled, tmp_path / "info", one)
    assert run.settings.max_grad_norm == 1
