"""A signal ends a run after a step, and nothing is lost."""

import os
import signal
import time

import pytest
from safetensors.torch import load_file

from sentemb.runs.output import last_checkpoint
from tests.support.processes import sentemb_in, started

TRAIN = ("train", "--method", "simcse-unsup", "--batch-size", 8, "--max-steps", 40,
         "--eval-steps", 40)  # fmt: skip


def start(folder, *more):
    return started(sentemb_in(folder, *TRAIN, *more), folder / "errors.txt")


def errors(folder):
    return (folder / "errors.txt").read_text()


def code_of(process):
    process.join(timeout=120)
    return process.exitcode


def wait_for_a_step(process, folder):
    """Wait until the first loss is logged."""
    file = folder / "out/metrics.jsonl"
    until = time.monotonic() + 120
    while not (file.exists() and '"loss"' in file.read_text()):
        assert process.is_alive(), errors(folder)
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, _few_bundled):
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sentemb.bundled.files", lambda _: _few_bundled)
        assert code_of(start(folder, "-o", "whole")) == 0, errors(folder)
    return folder / "whole"


@pytest.mark.wide
@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, marks=pytest.mark.long), (signal.SIGTERM, 143)],
)
def test_a_run_told_to_stop_goes_on_as_if_it_had_not(whole, tmp_path, few_bundled, number, code):
    process = start(tmp_path, "-o", "out")
    wait_for_a_step(process, tmp_path)
    os.kill(process.pid, number)
    assert code_of(process) == code, errors(tmp_path)
    assert "continue with --resume" in errors(tmp_path).splitlines()[-1]
    step = int(last_checkpoint(tmp_path / "out").name.rpartition("-")[2])
    assert 10 <= step < 40
    assert not (tmp_path / "out/modules.json").exists()
    assert code_of(start(tmp_path, "-o", "out", "--resume")) == 0, errors(tmp_path)
    one, resumed = (load_file(f / "model.safetensors") for f in (whole, tmp_path / "out"))
    assert all((one[name] == resumed[name]).all() for name in one)


def test_the_second_signal_ends_it_now(tmp_path, few_bundled):
    process = start(tmp_path, "-o", "out")
    wait_for_a_step(process, tmp_path)
    os.kill(process.pid, signal.SIGSTOP)  # both come before it can end a step
    os.kill(process.pid, signal.SIGTERM)
    os.kill(process.pid, signal.SIGCONT)
    time.sleep(0.001)
    os.kill(process.pid, signal.SIGTERM)
    assert code_of(process) == 143
