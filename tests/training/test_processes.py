"""Two processes are one with a larger batch; what happens to one of them happens to the run."""

import json
import os
import shutil
import signal
import time
from datetime import timedelta
from functools import partial

import pytest
import torch
from accelerate import PartialState
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from sentemb.runs.logs import read_metrics
from sentemb.runs.processes import processes
from sentemb.training.checkpoints import save_checkpoint
from tests.support import processes_worker
from tests.support.helpers import assert_bit_equal
from tests.support.processes import run_twice, sentemb_in, started_twice


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    run_twice(partial(processes_worker.work, folder), folder)
    return folder


@pytest.mark.sampled
@pytest.mark.parametrize("name", processes_worker.RECIPES)
def test_two_of_8_rows_are_one_of_16(two, name):
    """Losses, gradients and state after three steps, in float64, without dropout."""
    one = processes_worker.losses_and_state(name, PartialState(cpu=True))
    ranks = [torch.load(two / f"{name}-{rank}.pt") for rank in range(2)]
    queues = {key for key in one if "queue" in key}
    for key in one.keys() - queues:
        for rank in ranks:
            torch.testing.assert_close(rank[key], one[key], rtol=0, atol=1e-6)
    for key in queues:
        assert torch.equal(ranks[0][key], ranks[1][key])
    assert bool(queues) == (name in ("moco", "swav"))
    assert any(one[key].abs().max() > 1e-4 for key in one if key.startswith("gradient"))


TRAIN = ("train", "--method", "moco", "--queue-size", 32, "--batch-size", 8, "--save-steps", 3)


def test_a_run_of_two_processes(tmp_path, few_bundled, monkeypatch):
    """51 rows are 3 batches of 16 an epoch, the rest left out; one writes, and nobody waits."""
    data = tmp_path / "rows.txt"
    data.write_text("".join(f"sentence {i} is of the length of {i} words\n" for i in range(51)))
    run = tmp_path / "run"
    words = (*TRAIN, "--data", data, "--epochs", 2, "-o", run)
    words += ("--select", "held-out-loss", "--eval-steps", 3, "--json")

    def told(*saved):
        print("weights are saved", flush=True)
        save_checkpoint(*saved)

    monkeypatch.setattr("sentemb.training.trainer.save_checkpoint", told)
    first, second = run_twice(sentemb_in(tmp_path, *words), tmp_path)
    record = json.loads((run / "run.json").read_text())
    assert record["processes"] == 2
    assert (record["rows"], record["held_out_rows"], record["rows_left_over"]) == (35, 16, 3)
    assert record["steps"] == 4
    steps = [line["step"] for line in read_metrics(run / "metrics.jsonl")]
    assert steps == sorted(steps)
    assert json.loads(first.splitlines()[-1])["steps"] == 4
    assert first.count("weights are saved") == 2
    assert not second.strip()  # one of them speaks, and saves
    SentenceTransformer(str(run), device="cpu").encode(["a sentence"])
    assert not (run / "checkpoints").exists()


@pytest.mark.long
def test_two_processes_have_batches_of_one_data_set(tmp_path, few_bundled):
    """Rows of two data sets with other columns: batches of 16, of which each process has 8."""
    (tmp_path / "pairs.tsv").write_text(
        "anchor\tpositive\n" + "".join(f"a cat {i}\ta small cat {i}\n" for i in range(40))
    )
    (tmp_path / "graded.tsv").write_text(
        "sentence1\tsentence2\tscore\n"
        + "".join(f"a dog {i}\ta car {i}\t{i % 5}\n" for i in range(64))
    )
    run = tmp_path / "run"
    words = ("train", "--method", "simcse-sup", "--pooling", "mean", "--batch-size", 8, "--data",
             tmp_path / "pairs.tsv", "--data", tmp_path / "graded.tsv", "--source-loss",
             "graded=cosent", "--epochs", 2, "-o", run)  # fmt: skip
    run_twice(sentemb_in(tmp_path, *words), tmp_path)
    record = json.loads((run / "run.json").read_text())
    assert (record["processes"], record["steps"], record["rows_left_over"]) == (2, 12, 8)
    assert [one["batches"] for one in record["data"]["sources"]] == [4, 8]


def test_the_others_wait_while_one_encodes(monkeypatch):
    """Torch's own patience is ten minutes with NCCL, half an hour with gloo."""
    given = {}
    monkeypatch.setattr("sentemb.runs.processes.PartialState", given.update)
    processes()
    assert given["timeout"] > timedelta(days=1)


@pytest.mark.long
def test_one_of_two_processes_encodes_with_the_teacher(tmp_path, few_bundled):
    run = tmp_path / "run"
    words = ("train", "--method", "distill", "--teacher", "mini-sentemb", "--batch-size", 8,
             "--max-steps", 2, "--save-steps", 1, "-o", run)  # fmt: skip
    outputs = run_twice(sentemb_in(tmp_path, *words), tmp_path)
    assert ["The teacher encoded" in output for output in outputs] == [True, False]
    assert json.loads((run / "run.json").read_text())["steps"] == 2
    assert not [*run.rglob("vectors*")]


@pytest.mark.wide
def test_when_one_is_killed_the_other_ends_with_an_error(tmp_path, few_bundled):
    run = tmp_path / "run"
    words = (*TRAIN, "--max-steps", 100000, "--save-steps", 100000, "-o", run)
    (one, other), (output, _) = started_twice(sentemb_in(tmp_path, *words), tmp_path)
    metrics = run / "metrics.jsonl"
    deadline = time.monotonic() + 180
    while not (metrics.exists() and '"loss"' in metrics.read_text()):
        assert time.monotonic() < deadline
        assert one.is_alive(), output.read_text()
        time.sleep(0.2)
    os.kill(other.pid, signal.SIGKILL)
    one.join(timeout=60)
    assert one.exitcode not in (0, None)
    assert "error" in output.read_text()
    assert not (run / "modules.json").exists()


def test_a_refusal_is_told_once_and_by_all(tmp_path, few_bundled):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.txt").write_text("mine")
    running, outputs = started_twice(sentemb_in(tmp_path, *TRAIN, "-o", taken), tmp_path)
    for process in running:
        process.join(timeout=120)
    assert [process.exitcode for process in running] == [2, 2]
    written = [line for output in outputs for line in output.read_text().splitlines()]
    told = [line for line in written if "error" in line]
    assert len(told) == 1
    assert "is not empty" in told[0]


@pytest.mark.wide
def test_two_processes_resume_bit_for_bit(tmp_path, few_bundled):
    """Queue, target and heads, two batches a step; the run is cut at its second step of four."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    words = (*TRAIN, "--max-steps", 4, "--save-steps", 2, "--accumulation", 2, "--select", "last",
             "--keep-checkpoints")  # fmt: skip
    run_twice(sentemb_in(tmp_path, *words, "-o", whole), tmp_path)
    states = [torch.load(whole / f"checkpoints/checkpoint-2/rng_state_{n}.pth", weights_only=False)
              for n in (0, 1)]  # fmt: skip
    assert not torch.equal(states[0]["cpu"], states[1]["cpu"])  # dropout of its own in each
    shutil.copytree(whole, cut)
    shutil.rmtree(cut / "checkpoints/checkpoint-4")
    run_twice(sentemb_in(tmp_path, *words, "--resume", "-o", cut), tmp_path)
    for name in ("model.safetensors", "method.safetensors"):
        one, other = (load_file(run / "checkpoints/checkpoint-4" / name) for run in (whole, cut))
        assert_bit_equal(one, other)
    before = load_file(whole / "checkpoints/checkpoint-2/method.safetensors")
    assert not torch.equal(before["twin.queue.embeddings"], one["twin.queue.embeddings"])
