"""The same faults in fine-tuning: signals, bad numbers, a crash before the model is there."""

import json
import os
import signal

import pytest

from sentemb.finetuning import run as finetuning
from sentemb.finetuning.trainer import FinetuneTrainer

WORDS = ("finetune", "--epochs", 2, "--lr", 3e-4, "--rdrop", 1.0, "-o")  # 4 steps an epoch
TIMES = ("runtime", "per_second")


def lines(folder):
    read = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in line.items() if not k.endswith(TIMES)} for line in read]


def ok(process):
    assert process.returncode == 0, process.stderr.decode()
    return process


@pytest.fixture
def at_step(monkeypatch):
    """Do something at some steps of training."""
    step = FinetuneTrainer.training_step

    def put(steps, what):
        def stepped(self, *args, **kwargs):
            loss = step(self, *args, **kwargs)
            return what(self, loss) if self.state.global_step + 1 in steps else loss

        monkeypatch.setattr(FinetuneTrainer, "training_step", stepped)

    return put


@pytest.mark.wide
@pytest.mark.parametrize(
    ("step", "number"),
    [(2, signal.SIGTERM), pytest.param(4, signal.SIGINT, marks=pytest.mark.long)],
)
def test_a_signal_within_an_epoch_and_at_its_end(
    sentemb, tmp_path, monkeypatch, at_step, step, number
):
    ok(sentemb(*WORDS, "whole"))

    def tell(trainer, loss):
        os.kill(os.getpid(), number)
        return loss

    at_step({step}, tell)
    process = sentemb(*WORDS, "cut")
    assert process.returncode == 128 + number
    assert f"Interrupted after step {step} of 8".encode() in process.stderr
    at_step((), None)
    ok(sentemb(*WORDS, "cut", "--resume"))
    whole, cut = (tmp_path / name / "model.safetensors" for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()
    assert lines(tmp_path / "whole") == lines(tmp_path / "cut")


@pytest.mark.long
def test_a_crash_before_the_model_is_there_after_patience_ended(sentemb, tmp_path, monkeypatch):
    words = ("finetune", "--epochs", 5, "--lr", 1e-9, "--patience", 1, "-o")
    ok(sentemb(*words, "whole"))
    record = json.loads((tmp_path / "whole/run.json").read_text())
    assert record["steps"] == 8  # of 20

    def crash(*args):
        raise KeyboardInterrupt

    publish = finetuning._publish
    monkeypatch.setattr(finetuning, "_publish", crash)
    assert sentemb(*words, "cut").returncode == 130
    monkeypatch.setattr(finetuning, "_publish", publish)
    ok(sentemb(*words, "cut", "--resume"))
    whole, cut = (tmp_path / name / "model.safetensors" for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()
    assert lines(tmp_path / "whole") == lines(tmp_path / "cut")


def test_bad_steps_are_skipped_counted_and_in_a_row_the_end(sentemb, tmp_path, monkeypatch):
    compute = FinetuneTrainer.compute_loss
    calls = []

    def bad(self, model, *args, **kwargs):
        loss = compute(self, model, *args, **kwargs)
        if not model.training:
            return loss
        calls.append(1)
        return loss * float("nan") if len(calls) in bad.at else loss

    monkeypatch.setattr(FinetuneTrainer, "compute_loss", bad)
    plain = ("finetune", "--epochs", 2, "--lr", 3e-4, "-o")
    bad.at = {3}
    process = ok(sentemb(*plain, "out"))
    assert b"1 steps were skipped" in process.stderr
    assert json.loads((tmp_path / "out/run.json").read_text())["skipped_steps"] == 1
    calls.clear()
    bad.at = {5, 6, 7}
    process = sentemb(*plain, "other")
    assert process.returncode == 5
    assert b"checkpoint-4'" in process.stderr


def test_a_changed_option_is_refused_until_it_is_allowed(sentemb, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(finetuning, "_publish", lambda *args: 1 / 0)
        assert sentemb(*WORDS, "out").returncode == 70
    process = sentemb(*WORDS, "out", "--resume", "--rdrop", 2.0, "--batch-size", 16)
    assert process.returncode == 2
    assert b"--r-drop was 1.0, is now 2.0" in process.stderr
    ok(sentemb(*WORDS, "out", "--resume", "--lr", 1e-4, "--allow-changed", "learning-rate"))


@pytest.mark.parametrize(
    ("began", "resumed", "steps"), [(0, 1, 8), pytest.param(1, 2, 12, marks=pytest.mark.wide)]
)
def test_a_resumed_run_has_the_patience_that_it_is_given(
    sentemb, tmp_path, at_step, began, resumed, steps
):
    """Nothing is learned, so the first of five epochs is the best; each has four steps."""
    words = ("finetune", "--epochs", 5, "--lr", 1e-9, "-o", "out", "--patience")

    def tell(trainer, loss):
        os.kill(os.getpid(), signal.SIGTERM)
        return loss

    at_step({6}, tell)
    assert sentemb(*words, began).returncode == 128 + signal.SIGTERM
    at_step((), None)
    ok(sentemb(*words, resumed, "--resume", "--allow-changed", "patience"))
    assert json.loads((tmp_path / "out/run.json").read_text())["steps"] == steps
