"""A signal ends a run after a step, and nothing is lost."""

import os
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

from sentemb.runs.output import last_checkpoint

TRAIN = [sys.executable, "-m", "sentemb_cli", "train", "--method", "simcse-unsup", "--batch-size",
         "8", "--max-steps", "40", "--eval-steps", "40"]  # fmt: skip


def start(folder, *more):
    with (folder / "errors.txt").open("w") as errors:
        return subprocess.Popen([*TRAIN, *more], cwd=folder, stderr=errors)


def errors(folder):
    return (folder / "errors.txt").read_text()


def wait_for_a_step(process, folder):
    """Wait until the first loss is logged."""
    file = folder / "out/metrics.jsonl"
    until = time.monotonic() + 120
    while not (file.exists() and '"loss"' in file.read_text()):
        assert process.poll() is None, errors(folder)
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_told_to_stop_goes_on_as_if_it_had_not(tmp_path, number, code):
    assert start(tmp_path, "-o", "whole").wait() == 0
    process = start(tmp_path, "-o", "out")
    wait_for_a_step(process, tmp_path)
    process.send_signal(number)
    assert process.wait(timeout=120) == code, errors(tmp_path)
    assert "go on with --resume" in errors(tmp_path).splitlines()[-1]
    step = int(last_checkpoint(tmp_path / "out").name.rpartition("-")[2])
    assert 10 <= step < 40
    assert not (tmp_path / "out/modules.json").exists()
    assert start(tmp_path, "-o", "out", "--resume").wait() == 0
    whole, resumed = (load_file(tmp_path / f / "model.safetensors") for f in ("whole", "out"))
    assert all((whole[name] == resumed[name]).all() for name in whole)


def test_the_second_signal_ends_it_now(tmp_path):
    process = start(tmp_path, "-o", "out")
    wait_for_a_step(process, tmp_path)
    os.kill(process.pid, signal.SIGSTOP)  # both come before it can end a step
    process.send_signal(signal.SIGTERM)
    os.kill(process.pid, signal.SIGCONT)
    time.sleep(0.001)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 143
