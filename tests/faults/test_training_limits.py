"""T7, T22: what a run cannot take is said before its first step, or leaves what there was."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch
from sentemb_cli.options_of_signatures import parse_seeds

from sentemb import Method, Settings, Siamese, View, train
from sentemb.errors import OutOfMemoryError, StorageError, UsageError
from sentemb.finetuning import FinetuneSettings
from sentemb.finetuning import run as finetuning
from sentemb.runs.logs import read_metrics
from sentemb.training import preflight
from sentemb.training import run as training
from tests.support.helpers import assert_bit_equal, state
from tests.support.runs import SETTINGS, augmented, cut, data, dev, unsup

BATCH = Settings(batch_size=8, learning_rate=1e-3, epochs=1, max_steps=2, save_steps=1)


def distances(pairs):
    return (pairs.anchor - pairs.positive).pow(2).sum(dim=1)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (distances, r"A loss has the shape \[8\], but training needs one number: return the mean"),
        (lambda pairs: distances(pairs)[None].mean(dim=1), r"A loss has the shape \[1\]"),
        (lambda pairs: {"a": distances(pairs).mean(), "b": distances(pairs)}, "Term 'b' has the"),
        (lambda pairs: float(distances(pairs).mean().detach()), "A loss is a float"),
        (lambda pairs: distances(pairs).mean().detach(), "does not depend on the embeddings"),
    ],
    ids=["a vector", "one number in a list", "a term", "a float", "no gradient"],
)
def test_a_loss_is_one_number(tmp_path, loss, words):
    method = Method((View(), View()), Siamese(unsup().encoder), loss)
    with pytest.raises(UsageError, match=words):
        train(method, data(), tmp_path / "run", BATCH)
    assert not (tmp_path / "run").exists()


class NoRoom:
    """A loss that runs out of memory while the encoder takes more than so many rows at once."""

    def __init__(self, method, rows):
        self.method, self.loss, self.rows = method, method.loss, rows

    def __call__(self, pairs):
        if not 0 < self.method.twin.micro_batch <= self.rows:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] can't allocate memory")
        return self.loss(pairs)

    @property
    def terms(self):
        return (self.loss,)

    def __repr__(self):
        return repr(self.loss)


def test_memory_that_runs_out_before_the_first_step(tmp_path, caplog):
    method = augmented()
    method.loss = NoRoom(method, rows=2)
    assert train(method, data(), tmp_path / "run", BATCH).micro_batch == 2
    assert "the encoder now takes 2 rows at once" in caplog.text
    method = augmented()
    method.loss = NoRoom(method, rows=0)
    with pytest.raises(OutOfMemoryError, match=r"not even one row at a time fits\. Give"):
        train(method, data(), tmp_path / "other", BATCH)
    assert not (tmp_path / "other").exists()


def test_memory_that_runs_out_in_the_trial_of_finetune(sentemb, monkeypatch):
    def fails(*_):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] can't allocate memory")

    monkeypatch.setattr(finetuning, "try_longest", fails)
    process = sentemb("finetune", "-o", "out")
    assert process.returncode == 6
    assert b"give a smaller --max-length" in process.stderr


@pytest.mark.parametrize("text", ["0-99999999999999999999", "9" * 5000, "0-4294967295", "\xb2",
                                  "4294967296", "-1", "1,,2"])  # fmt: skip
def test_seeds_out_of_range(text):
    with pytest.raises(UsageError, match="--seeds takes"):
        parse_seeds(text)


@pytest.mark.parametrize("name", ["seed", "batch_size", "max_steps", "accumulation", "workers"])
def test_numbers_out_of_range(name):
    with pytest.raises(UsageError, match=f"{name} must be below 2"):
        replace(BATCH, **{name: 10**20 - 1})
    with pytest.raises(UsageError, match="seed must be below 2"):
        FinetuneSettings(seed=10**20 - 1)


def test_the_time_of_a_resumed_run_is_that_of_all_its_parts(tmp_path):
    settings = replace(SETTINGS, save_steps=2)
    cut(unsup(), tmp_path / "run", 3, settings)
    path = tmp_path / "run/checkpoints/checkpoint-2"
    saved = json.loads((path / "log_state.json").read_text())
    assert 0 <= saved["seconds"] < 600
    (path / "log_state.json").write_text(json.dumps(saved | {"seconds": 1000.0}))
    content = json.loads((path / "COMMIT.json").read_text())
    del content["files"]["log_state.json"], content["sha256"]
    (path / "COMMIT.json").write_text(json.dumps(content))
    assert 1000 < train(unsup(), data(), tmp_path / "run", settings, resume=True).seconds < 1600
    last = read_metrics(tmp_path / "run/metrics.jsonl")[-1]
    assert 1000 < last["train_runtime"] < 1600
    assert last["train_steps_per_second"] == pytest.approx(4 / last["train_runtime"], abs=1e-3)


@pytest.mark.parametrize(
    "name",
    [
        "max-steps",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in ("max_steps", "--max-steps", "steps", "epochs")
        ),
    ],
)
def test_what_is_allowed_to_change_by_the_name_of_its_option(tmp_path, name):
    one = replace(SETTINGS, max_steps=1, keep_checkpoints=True)
    train(unsup(), data(), tmp_path / "run", one)
    two = replace(SETTINGS, max_steps=2)
    with pytest.raises(UsageError, match=r"steps was 1, is now 2.*allow_changed=\['max_steps'\]"):
        train(unsup(), data(), tmp_path / "run", two, resume=True)
    how = {"resume": True, "allow_changed": [name]}
    assert train(unsup(), data(), tmp_path / "run", two, **how).steps == 2


def test_the_checkpoint_named_after_weights_ran_off_gives_numbers(sentemb):
    """Step 1 makes weights that are finite and give none; the checkpoints after it are not good."""
    words = ("train", "--batch-size", 8, "--max-steps", 6, "--save-steps", 1, "--select", "last")
    process = sentemb(*words, "--lr", "1e30", "-o", "out")
    assert process.returncode == 5
    assert b"No checkpoint is known to give finite numbers" in process.stderr


def test_a_model_that_could_not_be_written_takes_no_room(tmp_path, monkeypatch):
    def fails(encoder, folder):
        folder.mkdir()
        (folder / "half").write_text("x")
        raise Exception("No space left on device (os error 28)")  # as tokenizers say it

    with monkeypatch.context() as patch:
        patch.setattr(training, "save_encoder", fails)
        for how in ({}, {"resume": True}):
            with pytest.raises(StorageError, match="No space left on device"):
                train(unsup(), data(), tmp_path / "run", BATCH, **how)
            assert not (tmp_path / "run/model.partial").exists()
    whole, resumed = unsup(), unsup()
    train(resumed, data(), tmp_path / "run", BATCH, resume=True)
    train(whole, data(), tmp_path / "whole", BATCH)
    assert_bit_equal(state(whole), state(resumed))


def test_a_killed_worker_is_no_internal_error(tmp_path):
    def dies(self, *_):
        if torch.utils.data.get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *_)

    real = preflight.Collator.__call__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preflight.Collator, "__call__", dies)
        with pytest.raises(OutOfMemoryError, match="give fewer `workers`"):
            train(unsup(), data(), tmp_path / "run", replace(BATCH, workers=1))


def test_names_of_users_are_inert_in_the_card_and_the_log(sentemb, tmp_path):
    name = "a\nb\x1b[31m|<c>`.txt"
    (tmp_path / name).write_text("".join(f"Sentence {n}.\n" for n in range(20)))
    process = sentemb("train", "--data", name, "--batch-size", 8, "--max-steps", 1, "-o", "out")
    assert process.returncode == 0, process.stderr.decode()
    assert "\x1b" not in process.stderr.decode()
    assert r"data: a\nb\x1b[31m|<c>`.txt (20 rows)" in process.stderr.decode()
    card = (tmp_path / "out/README.md").read_text()
    assert r"| data | a\nb\x1b[31m\|&lt;c>'.txt, 20 rows" in card
    assert json.loads((tmp_path / "out/run.json").read_text())["data"]["source"] == name


def test_the_log_of_a_run_with_a_dev_set_is_one_line_a_step(tmp_path):
    train(unsup(), data(), tmp_path / "run", BATCH, dev=dev())
    lines = read_metrics(tmp_path / "run/metrics.jsonl")
    assert [next(iter(line)) for line in lines] == ["step"] * len(lines)
