"""Runs that had no checkpoint yet, and runs over several seeds, go on with ``--resume`` too."""

import json
import shutil
from dataclasses import replace

import pytest

from sentemb import train
from sentemb.finetuning.trainer import FinetuneTrainer
from sentemb.runs.logs import read_metrics
from sentemb.training.trainer import ContrastiveTrainer
from tests.support.helpers import assert_bit_equal, state
from tests.support.runs import SETTINGS, cut, data, dev, unsup

TRAIN = ("train", "--max-steps", 2, "--batch-size", 8, "--select", "last", "-o", "out")
FINETUNE = ("finetune", "--epochs", 1, "--lr", 3e-4, "-o", "out")
TIMES = ("runtime", "per_second")


def lines(folder):
    return [{k: v for k, v in line.items() if not k.endswith(TIMES)}
            for line in read_metrics(folder / "metrics.jsonl")]  # fmt: skip


def ok(process):
    assert process.returncode == 0, process.stderr.decode()
    return process.stderr.decode()


def test_a_run_that_was_cut_before_its_first_checkpoint(tmp_path, caplog):
    settings = replace(SETTINGS, save_steps=3, eval_steps=3)
    whole, resumed = unsup(), unsup()
    train(whole, data(), tmp_path / "whole", settings, dev=dev())
    cut(unsup(), tmp_path / "run", 2, settings, dev=dev())
    assert not list(tmp_path.glob("run/checkpoints/*"))
    train(resumed, data(), tmp_path / "run", settings, dev=dev(), resume=True)
    assert "run' holds no whole checkpoint: the run starts at step 0." in caplog.text
    assert_bit_equal(state(whole), state(resumed))
    assert lines(tmp_path / "run") == lines(tmp_path / "whole")


@pytest.mark.parametrize("left", [[], [".lock"]])
def test_a_folder_and_no_more(tmp_path, left):
    (tmp_path / "run").mkdir()
    for name in left:
        (tmp_path / "run" / name).touch()
    one = replace(SETTINGS, max_steps=1)
    assert train(unsup(), data(), tmp_path / "run", one, resume=True).steps == 1


def test_a_run_that_ended_is_left_alone(sentemb, tmp_path):
    ok(sentemb(*TRAIN, "--keep-checkpoints"))
    assert b"has taken all of its 2 steps" in sentemb(*TRAIN, "--resume").stderr
    shutil.rmtree("out/checkpoints")
    process = sentemb(*TRAIN, "--resume")
    assert process.returncode == 2
    assert b"has ended, and none of its checkpoints is left" in process.stderr


def test_the_folder_that_was_meant(sentemb, tmp_path):
    ok(sentemb(*TRAIN, "--keep-checkpoints"))
    for part in ("out/checkpoints", "out/checkpoints/checkpoint-2"):
        process = sentemb(*TRAIN, "--resume", "-o", part)
        assert process.returncode == 2
        assert b"holds no run of sentemb. Did you mean 'out'?" in process.stderr
        assert b"--overwrite" not in process.stderr


def test_one_run_and_several_are_told_apart(sentemb, tmp_path):
    ok(sentemb(*TRAIN))
    assert b"holds one run: leave --seeds out" in sentemb(*TRAIN, "--seeds", 1, "--resume").stderr
    shutil.rmtree("out")
    ok(sentemb(*TRAIN, "--seeds", 1))
    process = sentemb(*TRAIN, "--resume")
    assert process.returncode == 2
    assert b"runs of several seeds: give the same --seeds, or one of its folders" in process.stderr


def cut_at(monkeypatch, trainer, at):
    """Have the n-th step of all that are taken raise."""
    step = trainer.training_step
    taken = []

    def stepped(self, *args, **kwargs):
        taken.append(1)
        if len(taken) == at:
            raise KeyboardInterrupt
        return step(self, *args, **kwargs)

    monkeypatch.setattr(trainer, "training_step", stepped)
    return taken


def models(folder):
    return {path.parent.name: path.read_bytes() for path in folder.glob("seed-*/model.safetensors")}


@pytest.mark.long
def test_seeds_go_on(sentemb, tmp_path, monkeypatch):
    words = (*TRAIN, "--save-steps", 1, "--seeds", "0-2")
    ok(sentemb(*words, "-o", "whole"))
    with monkeypatch.context() as patch:
        cut_at(patch, ContrastiveTrainer, at=4)
        assert sentemb(*words).returncode == 130
    assert models(tmp_path / "out").keys() == {"seed-0"}
    record = (tmp_path / "out/seed-0/run.json").read_bytes()
    taken = cut_at(monkeypatch, ContrastiveTrainer, at=0)
    told = ok(sentemb(*words, "--resume"))
    assert "Kept as it is: The run in 'out/seed-0' has taken all of its 2 steps" in told
    assert len(taken) == 1 + 2  # the second of seed 1, both of seed 2
    assert models(tmp_path / "out") == models(tmp_path / "whole")
    assert (tmp_path / "out/seed-0/run.json").read_bytes() == record
    both = [json.loads((tmp_path / one / "seeds.json").read_text()) for one in ("out", "whole")]
    assert both[0] == both[1]
    process = sentemb(*words, "--resume", "--lr", 0.5)
    assert process.returncode == 2
    assert b"--learning-rate was" in process.stderr


@pytest.mark.long
def test_finetune_goes_on_from_nothing_and_over_seeds(sentemb, tmp_path, monkeypatch):
    words = (*FINETUNE, "--seeds", "0-1")
    ok(sentemb(*words, "-o", "whole"))
    with monkeypatch.context() as patch:
        cut_at(patch, FinetuneTrainer, at=6)  # an epoch has four
        assert sentemb(*words).returncode == 130
    assert models(tmp_path / "out").keys() == {"seed-0"}
    assert not list(tmp_path.glob("out/seed-1/checkpoints/*"))
    told = ok(sentemb(*words, "--resume"))
    assert "Kept as it is: The run in 'out/seed-0'" in told
    assert "'out/seed-1' holds no whole checkpoint: the run starts at step 0." in told
    assert models(tmp_path / "out") == models(tmp_path / "whole")
    assert lines(tmp_path / "out/seed-1") == lines(tmp_path / "whole/seed-1")
