"""Trackers: what is logged arrives there, where it is written, and what is refused."""

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest
from transformers import TrainerCallback

import sentemb.runs.trackers as trackers
from sentemb import finetune, train
from sentemb.errors import UsageError
from sentemb.losses import DimensionWise, InfoNCE, Sum
from sentemb.runs.run_folder import METRICS
from sentemb.storage import read_owned

TEXTS = [f"Sentence number {number} is about {number} things." for number in range(16)]
DEV = [("One is here.", "One is there.", 4.0), ("A dog.", "Nothing.", 0.0), ("A.", "A.", 5.0)]
SHORT = {"batch_size": 8, "max_steps": 2, "max_length": 16}


def events(folder):
    """Return the numbers of the event files of a run, by name and step."""
    pytest.importorskip("tensorboard", reason="the trackers extra is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder / "tensorboard"))
    read.Reload()
    return {
        (name, event.step): event.value
        for name in read.Tags()["scalars"]
        for event in read.Scalars(name)
    }


def logged(folder):
    return [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_gets_terms_scores_and_geometry(tmp_path):
    loss = Sum((InfoNCE(), DimensionWise()), (1.0, 0.1))
    how = {"dev": DEV, "loss": loss, "report_to": "tensorboard", **SHORT}
    run = train("simcse-unsup", TEXTS, tmp_path / "run", **how)
    found = events(run.output)
    for line in logged(run.output):
        for name, value in line.items():
            if name.startswith("eval_"):
                name = f"eval/{name.removeprefix('eval_')}"
            elif name != "step":
                name = f"train/{name}"
            if name not in ("step", "train/epoch"):
                assert found[name, line["step"]] == pytest.approx(value, rel=1e-5), name
    names = {name for name, _ in found}
    terms = {"train/loss_InfoNCE", "train/loss_DimensionWise", "train/effective_rank"}
    assert terms | {"eval/spearman", "eval/uniformity"} <= names
    assert "tensorboard/" in read_owned(run.output).files
    train("simcse-unsup", TEXTS, tmp_path / "run", overwrite=True, **SHORT)
    assert not (run.output / "tensorboard").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_gets_the_terms_of_a_fine_tuning(tmp_path):
    data = [(text, str(place % 2)) for place, text in enumerate(TEXTS)]
    run = finetune(data, data, tmp_path / "run", batch_size=8, max_steps=2, r_drop=1.0,
                   report_to="tensorboard")  # fmt: skip
    names = {name for name, _ in events(run.output)}
    assert {"train/loss_task", "train/loss_kl", "eval/accuracy"} <= names


def test_a_tracker_does_not_change_the_model(tmp_path):
    pytest.importorskip("tensorboard", reason="the trackers extra is not installed")
    weights = [
        (train(data=TEXTS, output=tmp_path / name, report_to=name, **SHORT).output
         / "model.safetensors").read_bytes()
        for name in ("none", "tensorboard")
    ]  # fmt: skip
    assert weights[0] == weights[1]


def test_a_tracker_that_is_not_installed_is_refused_before_anything_is_written(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(trackers, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install wandb"):
        train(data=TEXTS, output=tmp_path / "run", report_to="wandb", **SHORT)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["train", "finetune"])
def test_the_command_refuses_in_one_line(sentemb, tmp_path, monkeypatch, command):
    done = sentemb(command, "--report-to", "mlflow", "-o", tmp_path / "run")
    assert done.returncode == 2
    line = "error: --report-to must be one of none, tensorboard, trackio, wandb; got 'mlflow'."
    assert done.stderr.decode().splitlines()[-1] == line
    monkeypatch.setattr(trackers, "find_spec", lambda _: None)
    done = sentemb(command, "--report-to", "trackio", "-o", tmp_path / "run")
    line = "error: --report-to trackio needs trackio: pip install trackio."
    assert (done.returncode, done.stderr.decode().splitlines()[-1]) == (2, line)
    assert not (tmp_path / "run").exists()


def test_wandb_writes_into_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_DIR", "elsewhere")
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    trackers.prepare_tracker([], ["wandb"], tmp_path)
    assert trackers.os.environ["WANDB_DIR"] == str(tmp_path)
    assert trackers.os.environ["WANDB_PROJECT"] == "sentemb"
    assert "wandb/" in read_owned(tmp_path).files
    monkeypatch.delenv("WANDB_PROJECT")


@pytest.mark.parametrize("began_before", [False, True])
def test_each_training_is_a_run_of_wandb_of_its_own(monkeypatch, began_before):
    class Wandb(ModuleType):
        run = "the user's" if began_before else None
        finished = 0

        def finish(self):
            self.finished += 1

    class WandbCallback(TrainerCallback):
        pass

    wandb = Wandb("wandb")
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    trainer = SimpleNamespace(
        args=SimpleNamespace(report_to=["wandb"]),
        callback_handler=SimpleNamespace(callbacks=[WandbCallback(), TrainerCallback()]),
    )
    trainer.remove_callback = trainer.callback_handler.callbacks.remove
    with trackers.ended(trainer):
        assert len(trainer.callback_handler.callbacks) == 2
    assert [type(one) for one in trainer.callback_handler.callbacks] == [TrainerCallback]
    assert wandb.finished == (0 if began_before else 1)
