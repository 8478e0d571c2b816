"""T16: one of two processes is killed in a step or in a save; all end, and the run goes on."""

import shutil
import sys
import time

import pytest
from safetensors.torch import load_file

from sentemb.runs.checkpoint_commit import COMMIT, committed
from sentemb.runs.logs import read_metrics
from tests.support.helpers import assert_bit_equal, outputs_of, start_two

TRAIN = [sys.executable, "-c", "from sentemb_cli.main import main; main()", "train", "--method",
         "moco", "--queue-size", "32", "--batch-size", "8", "--max-steps", "60", "--save-steps",
         "5", "--select", "last", "--keep-checkpoints"]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    outputs_of(start_two([*TRAIN, "-o", str(folder / "run")]))
    return folder / "run"


def in_a_step(run):
    metrics = run / "metrics.jsonl"
    lines = read_metrics(metrics) if metrics.exists() else []
    return any(line.get("step", 0) >= 15 for line in lines)


def in_a_save(run):
    """A checkpoint is there that is not committed yet, and one that is."""
    found = list(run.glob("checkpoints/checkpoint-*"))
    return len(found) > 1 and any(not (one / COMMIT).exists() for one in found)


@pytest.mark.long
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("moment", [in_a_step, in_a_save])
def test_one_of_two_is_killed(tmp_path, whole, moment, rank):
    run = tmp_path / "run"
    running = start_two([*TRAIN, "-o", str(run)])
    deadline = time.monotonic() + 180
    while not moment(run):
        assert time.monotonic() < deadline
        assert running[0].poll() is None, running[0].communicate()[0]
        time.sleep(0.001)
    running[rank].kill()
    killed = time.monotonic()
    for process in running:
        process.communicate(timeout=60)
        assert process.returncode != 0
    seconds = time.monotonic() - killed
    print(f"all ended after {seconds:.1f} s")
    assert seconds < 15
    assert committed(run / "checkpoints")
    assert not (run / "modules.json").exists()
    outputs_of(start_two([*TRAIN, "--resume", "-o", str(run)]))
    for name in ("model.safetensors", "method.safetensors"):
        paths = (one / "checkpoints/checkpoint-60" / name for one in (whole, run))
        assert_bit_equal(*map(load_file, paths))
    shutil.rmtree(run)
