"""Distillation: exact resume, a teacher that works once, what is kept and what is told of it."""

import json
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from filelock import FileLock
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense

from sentemb import Settings, build_encoder, doors, read_sts, read_training_data, train
from sentemb.bars import Progress
from sentemb.bundled import bundled
from sentemb.data_sources import DataSource
from sentemb.errors import InputError, InterruptedRunError, StorageError, UsageError
from sentemb.evaluation.disclosure import disclose
from sentemb.losses import MSEDistillation
from sentemb.methods import distill
from sentemb.runs import frozen_vectors
from sentemb.twins import Teacher
from tests.support import encoders
from tests.support.helpers import PowerCut, assert_bit_equal, state

SETTINGS = Settings(batch_size=8, learning_rate=1e-3, epochs=9, max_steps=4, save_steps=2)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A teacher of 128 dimensions."""
    torch.manual_seed(5)
    teacher = build_encoder("mini-sentemb", device="cpu")
    teacher.append(Dense(96, 128))
    folder = tmp_path_factory.mktemp("wide") / "model"
    teacher.save_pretrained(str(folder), create_model_card=False)
    return str(folder)


@pytest.fixture
def data(unlabelled):
    """40 rows, the last 5 texts of which are there twice."""
    rows = unlabelled.rows.select([*range(35), *range(30, 35)])
    return replace(unlabelled, rows=rows)


def fresh(teacher, match="pca", pooling="mean"):
    return distill(encoders.mini(pooling), teacher, match)


@pytest.fixture
def encoded(monkeypatch):
    """How many texts the teacher embeds, at each call."""
    calls, embed = [], frozen_vectors.encode_file

    def counting(encoder, texts, *args, **options):
        calls.append(0)
        summary = embed(encoder, texts, *args, **options)
        calls[-1] = summary.distinct_texts - summary.kept_rows
        return summary

    monkeypatch.setattr(frozen_vectors, "encode_file", counting)
    return calls


@pytest.mark.parametrize(
    "match",
    ["pca", *(pytest.param(match, marks=pytest.mark.long) for match in ("linear", "equal"))],
)
def test_four_steps_are_two_and_two_resumed(match, wide, data, tmp_path, encoded, sentences):
    """The resumed run computes no vector again; the model is a plain one."""
    teacher = "mini-sentemb" if match == "equal" else wide
    match = "pca" if match == "equal" else match
    whole = fresh(teacher, match)
    started = state(whole)
    train(whole, data, tmp_path / "whole", SETTINGS)
    assert encoded == [35]
    cut = fresh(teacher, match)
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "cut", SETTINGS)
    torch.manual_seed(99)
    resumed = fresh(teacher, match)
    train(resumed, data, tmp_path / "cut", SETTINGS, resume=True)
    assert encoded == [35]
    assert_bit_equal(state(whole), state(resumed))
    still = [name for name, t in state(whole).items() if torch.equal(t, started[name])]
    assert still == []
    plain = SentenceTransformer(str(tmp_path / "whole"), device="cpu")
    ours = whole.encoder.encode(sentences[:50])
    assert ours.shape == (50, 96)
    assert np.abs(plain.encode(sentences[:50]) - ours).max() <= 1e-6


def test_targets_are_those_of_the_checkpoint_whatever_is_fitted_again(
    wide, data, tmp_path, monkeypatch
):
    """On another machine a direction may come out with another sign."""
    cut = fresh(wide)
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "run", SETTINGS)
    axes = cut.twin.components.axes.clone()
    monkeypatch.setattr("sentemb.twins.PrincipalComponents.fit", lambda self, _: self.axes.neg_())
    monkeypatch.setattr("sentemb.twins.taught.logger.info", lambda *_, **__: None)
    resumed = fresh(wide)
    train(resumed, data, tmp_path / "run", SETTINGS, resume=True)
    assert torch.equal(resumed.twin.components.axes, axes)


@pytest.mark.wide
def test_the_student_comes_nearer_to_its_teacher(unlabelled, tmp_path, sentences):
    method = fresh("mini-sentemb")
    taught = SentenceTransformer(str(bundled("mini-sentemb")), device="cpu").encode(sentences[:99])

    def near():
        ours = method.encoder.encode(sentences[:99])
        return float(torch.cosine_similarity(*map(torch.from_numpy, (ours, taught))).mean())

    before = near()
    train(method, unlabelled, tmp_path / "run", replace(SETTINGS, batch_size=32, max_steps=20))
    assert near() > before + 0.05


def test_another_run_reads_the_vectors_in_the_cache(data, tmp_path, own_cache, encoded, caplog):
    caplog.set_level("INFO", "sentemb")
    once = replace(SETTINGS, max_steps=1)
    train(fresh("mini-sentemb"), data, tmp_path / "run", once)
    train(fresh("mini-sentemb"), data, tmp_path / "other", replace(once, seed=2))
    assert encoded == [35]
    (place,) = (own_cache / "sentemb/teachers").iterdir()
    named = f"vectors of 35 texts, 0.0 MB, are in the cache, '{place}'"
    assert sum(named in message for message in caplog.messages) == 2
    assert not [*tmp_path.rglob("vectors*")]


@pytest.mark.parametrize("found", ["damaged", "of other texts"])
def test_a_cache_of_something_else_is_made_again_with_a_warning(
    found, data, tmp_path, own_cache, encoded, caplog
):
    once = replace(SETTINGS, max_steps=1)
    whole, again = fresh("mini-sentemb"), fresh("mini-sentemb")
    train(whole, data, tmp_path / "whole", once)
    (file,) = own_cache.rglob("vectors.npy")
    if found == "damaged":
        content = bytearray(file.read_bytes())
        content[-3] ^= 8
        file.write_bytes(content)
    else:
        record = json.loads((note := file.with_suffix(".json")).read_text())
        note.write_text(json.dumps(record | {"texts": "36 texts"}))
    train(again, data, tmp_path / "again", once)
    assert encoded == [35, 35]
    warned = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert f"'{file}' is damaged, or not of this teacher and these texts: it is made again." in (
        warned
    )
    assert_bit_equal(state(whole), state(again))


def test_a_run_waits_for_the_one_that_encodes(data, tmp_path, own_cache, encoded, caplog):
    caplog.set_level("INFO", "sentemb")
    once = replace(SETTINGS, max_steps=1)
    train(fresh("mini-sentemb"), data, tmp_path / "run", once)
    (place,) = (own_cache / "sentemb/teachers").iterdir()
    lock = FileLock(place / "lock")
    with lock, ThreadPoolExecutor() as pool:
        encoder, made_of = encoders.mini("mean"), json.loads((place / "vectors.json").read_text())
        made_of = {name: made_of[name] for name in ("encoder", "texts")}
        waiting = pool.submit(frozen_vectors.cached_vectors, encoder, [], made_of, 35)
        for _ in range(600):
            if "waiting for it" in caplog.text:
                break
            time.sleep(0.05)
        assert "waiting for it" in caplog.text
        assert not waiting.done()
        lock.release()
        assert waiting.result(60).shape == (35, 96)
    assert encoded == [35]


def test_a_cache_that_cannot_be_written_is_told_in_one_line(data, tmp_path, own_cache):
    own_cache.write_text("a file")
    with pytest.raises(StorageError, match=r"name another folder in .* HF_ASSETS_CACHE") as error:
        train(fresh("mini-sentemb"), data, tmp_path / "run", SETTINGS)
    assert "\n" not in str(error.value)


def test_an_interrupted_encoding_goes_on(data, tmp_path, monkeypatch, own_cache, encoded):
    """In the run that is resumed, and in any other with the same teacher and texts."""
    whole = fresh("mini-sentemb")
    train(whole, data, tmp_path / "whole", SETTINGS)
    shutil.rmtree(own_cache)
    monkeypatch.setattr("sentemb.encoding.windows.ROWS", 10)
    told = Progress.__call__

    def after_two_windows(self, rows):
        told(self, rows)
        if rows == 20:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Progress, "__call__", after_two_windows)
    with pytest.raises(InterruptedRunError, match="continue with `resume=True`") as error:
        train(fresh("mini-sentemb"), data, tmp_path / "cut", SETTINGS)
    assert error.value.exit_code == 130
    assert not [*own_cache.rglob("vectors.npy")]
    monkeypatch.setattr(Progress, "__call__", told)
    resumed = fresh("mini-sentemb")
    train(resumed, data, tmp_path / "cut", SETTINGS, resume=True)
    kept = int(str(error.value).partition(" texts")[0].split()[-1])
    assert encoded == [35, 0, 35 - kept]
    assert kept in (20, 30)
    assert_bit_equal(state(whole), state(resumed))


@pytest.mark.parametrize("dry_run", [False, True])
def test_data_sets_of_other_columns_are_taught_too(sentences, tmp_path, dry_run):
    pairs = list(pairwise(sentences[8:25]))
    data = {"texts": DataSource(sentences[:16]), "pairs": DataSource(pairs, MSEDistillation())}
    output = None if dry_run else tmp_path / "run"
    run = doors.train("distill", data, output, teacher="mini-sentemb", model=encoders.mini(),
                      batch_size=8, max_steps=4, dry_run=dry_run)  # fmt: skip
    assert run.steps == 4


@pytest.mark.wide
@pytest.mark.parametrize("change", ["other texts", "other teacher"])
def test_vectors_of_something_else_are_not_used(change, data, tmp_path, wide, encoded):
    """The run was cut before its first checkpoint, so nothing else is compared."""
    cut = fresh("mini-sentemb")
    cut.loss = PowerCut(cut.loss, batches=1)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "run", SETTINGS)
    rows = replace(data, rows=data.rows.select(range(30))) if change == "other texts" else data
    teacher = wide if change == "other teacher" else "mini-sentemb"
    resumed, whole = fresh(teacher), fresh(teacher)
    train(resumed, rows, tmp_path / "run", SETTINGS, resume=True)
    assert encoded == [35, len(set(rows.rows["text"]))]
    train(whole, rows, tmp_path / "whole", SETTINGS)
    assert_bit_equal(state(whole), state(resumed))


def test_a_run_is_resumed_with_its_teacher(data, tmp_path, wide):
    cut = fresh("mini-sentemb")
    cut.loss = PowerCut(cut.loss, batches=3)
    with pytest.raises(KeyboardInterrupt):
        train(cut, data, tmp_path / "run", SETTINGS)
    other = fresh("mini-sentemb")
    with torch.no_grad():
        next(other.twin.teacher.encoder.parameters()).add_(1e-3)
    with pytest.raises(UsageError, match="started otherwise: teacher was 923,968 weights, sha"):
        train(other, data, tmp_path / "run", SETTINGS, resume=True)
    with pytest.raises(UsageError, match="its state does not fit"):
        train(fresh(wide), data, tmp_path / "run", SETTINGS, resume=True)


def test_held_out_rows_are_taught_too(unlabelled, tmp_path, wide):
    few = replace(unlabelled, rows=unlabelled.rows.select(range(40)))
    settings = replace(SETTINGS, select="held-out-loss", eval_steps=2)
    run = train(fresh(wide), few, tmp_path / "run", settings)
    assert run.held_out_rows == 8
    assert 0 < run.metrics["held_out_loss"] < 1.5


def test_record_and_card_name_the_teacher_and_its_labels(data, tmp_path):
    first = tmp_path / "scored"
    build_encoder("mini", pooling="mean", device="cpu").save_pretrained(str(first))
    trained = {"method": "cosent", "model": "mini", "data": {"source": "STSB.train.tsv",
               "columns": ["sentence1", "sentence2", "label"]}}  # fmt: skip
    (first / "run.json").write_text(json.dumps(trained))
    train(fresh(str(first)), data, tmp_path / "run", replace(SETTINGS, max_steps=1))
    teacher = json.loads((tmp_path / "run/run.json").read_text())["teacher"]
    assert teacher["model"] == str(first)
    assert teacher["weights"].startswith("923,968 weights, sha256 ")
    assert teacher["labels"] == "cosent on STSB.train.tsv (labels); started from mini"
    card = (tmp_path / "run/README.md").read_text()
    assert "| teacher | scored, 923,968 weights, sha256 " in card
    assert "| labels | those of the teacher: cosent on STSB.train.tsv (labels)" in card
    assert str(tmp_path) not in card
    found = disclose(tmp_path / "run")
    assert f"taught by {first} (cosent on STSB.train.tsv (labels); started from mini)" in (
        found.labels
    )
    assert "STSB.train.tsv" in found.warning("run", ["STS12"])


def test_a_teacher_in_the_folder_of_the_run_is_not_overwritten(data, tmp_path):
    train(fresh("mini-sentemb"), data, tmp_path / "run", replace(SETTINGS, max_steps=1))
    again = fresh(str(tmp_path / "run"))
    with pytest.raises(UsageError, match="is read by this run, and `overwrite=True` would"):
        train(again, data, tmp_path / "run", SETTINGS, overwrite=True)


def test_what_cannot_teach_is_refused(wide, build_tiny, tmp_path):
    for nothing in (None, ""):
        with pytest.raises(UsageError, match="'distill' needs a teacher: give a bundled encoder"):
            fresh(nothing)
    with pytest.raises(InputError, match="No model"):
        fresh(str(tmp_path / "nowhere"))
    narrow = tmp_path / "narrow"
    build_tiny("Bert").save_pretrained(str(narrow), create_model_card=False)
    with pytest.raises(UsageError, match="32 would have to become 96: use `match=linear`"):
        fresh(str(narrow))
    assert fresh(str(narrow), "linear").twin.projector[0].out_features == 32


@pytest.mark.wide
def test_losses_of_a_run(data, tmp_path, wide):
    """Those that contrast take the teacher's vectors; those that need more say so at once."""
    from sentemb.losses import InfoNCE, Triplet

    for number, loss in enumerate((MSEDistillation(), InfoNCE())):
        method = fresh(wide)
        method.loss = loss
        run = train(method, data, tmp_path / f"run-{number}", replace(SETTINGS, max_steps=2))
        assert run.steps == 2
    method = fresh(wide)
    method.loss = Triplet()
    with pytest.raises(UsageError, match="give data with a negative column"):
        train(method, data, tmp_path / "refused", SETTINGS)
    with pytest.raises(UsageError, match="leave `mask_identical` on"):
        train(fresh(wide), data, tmp_path / "refused", replace(SETTINGS, mask_identical=False))
    assert not (tmp_path / "refused").exists()


def test_the_command_trains_what_the_function_trains(sentemb, sentences, tmp_path):
    (tmp_path / "few.txt").write_text("\n".join(sentences[:20]) + "\n", encoding="utf-8")
    few = ("--data", "few.txt", "--batch-size", 8, "--max-steps", 2)
    process = sentemb("train", "--method", "distill", "--teacher", "mini-sentemb", *few, "-o", "a")
    assert process.returncode == 0, process.stderr.decode()
    folder = bundled("mini-sentemb")
    run = doors.train(
        "distill", sentences[:20], tmp_path / "b", teacher=folder, batch_size=8, max_steps=2
    )
    assert run.record["method_options"] == {"teacher": str(folder), "match": "linear"}
    records = [json.loads((tmp_path / name / "run.json").read_text()) for name in "ab"]
    assert records[0]["teacher"] == records[1]["teacher"] | {"model": "mini-sentemb"}
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert models[0] == models[1]


class Shuffled(Teacher):
    """A teacher whose vectors are those of other texts."""

    def remember(self, numbers, vectors):
        order = np.random.default_rng(0).permutation(len(vectors))
        super().remember(numbers, np.asarray(vectors)[order])


@pytest.mark.long
def test_a_shuffled_teacher_teaches_nothing(tmp_path, all_bundled):
    unlabelled = read_training_data(bundled("sentences.txt"), [("text",)])
    dev = read_sts(bundled("graded.tsv"))
    settings = Settings(batch_size=32, learning_rate=3e-4, epochs=5, select="last", max_length=64)
    run = train(fresh("mini-sentemb"), unlabelled, tmp_path / "taught", settings, dev=dev)
    misled = fresh("mini-sentemb")
    misled.twin.teacher = Shuffled(misled.twin.teacher.encoder)
    control = train(misled, unlabelled, tmp_path / "control", settings, dev=dev)
    assert run.metrics["spearman"] > run.before["spearman"] + 2
    assert control.metrics["spearman"] <= control.before["spearman"]
