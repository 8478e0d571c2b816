"""T6, T7: steps that are not numbers, or do not fit, change nothing."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from sentemb import STS, train
from sentemb.errors import NumericError, OutOfMemoryError
from sentemb.runs.logs import read_metrics
from sentemb.training.trainer import ContrastiveTrainer
from tests.support.helpers import assert_bit_equal, state
from tests.support.runs import KEPT, SETTINGS, Sometimes, augmented, cut, data, dev, queued, unsup

LONG = pytest.mark.long


def nan(loss):
    return loss * float("nan")


class InfiniteGradient(torch.autograd.Function):
    """The identity, with a gradient that is not a number."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * float("inf")


def saved(folder, step):
    checkpoint = folder / f"checkpoints/checkpoint-{step}"
    tensors = load_file(checkpoint / "method.safetensors")
    tensors |= load_file(checkpoint / "model.safetensors")
    optimizer = torch.load(checkpoint / "optimizer.pt", weights_only=True)["state"]
    return tensors | {f"{i} {k}": v for i, kept in optimizer.items() for k, v in kept.items()}


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(nan, id="loss", marks=LONG),
        pytest.param(InfiniteGradient.apply, id="gradient"),
    ],
)
@pytest.mark.parametrize(
    ("accumulation", "batch", "step"), [pytest.param(1, 3, 3, marks=LONG), (2, 4, 2)]
)
def test_a_bad_step_is_counted(tmp_path, fault, accumulation, batch, step, caplog):
    """Also where only its second batch is bad."""
    method = queued()
    method.loss = Sometimes(method.loss, {batch + 1}, fault)  # rows are tried twice, for a queue
    settings = replace(SETTINGS, accumulation=accumulation)
    run = train(method, data(), tmp_path / "run", settings)
    lines = read_metrics(tmp_path / "run/metrics.jsonl")
    assert run.skipped_steps == 1
    assert [line["step"] for line in lines if "skipped_steps" in line] == [step]
    assert f"Step {step} is skipped" in caplog.text
    losses = [line["loss"] for line in lines if "loss" in line]
    assert [i for i, loss in enumerate(losses, start=1) if loss is None] == [step]


def test_what_a_bad_step_leaves(tmp_path):
    method = queued()
    method.loss = Sometimes(method.loss, {5}, nan)
    train(method, data(), tmp_path / "run", KEPT)
    assert_bit_equal(saved(tmp_path / "run", 3), saved(tmp_path / "run", 4))


def test_the_mean_of_a_line_is_of_the_steps_that_counted(tmp_path):
    whole, method = augmented(), augmented()
    settings = replace(SETTINGS, save_steps=2, max_steps=2, learning_rate=1e-9)
    train(whole, data(), tmp_path / "whole", replace(settings, save_steps=1))
    method.loss = Sometimes(method.loss, {2}, nan)
    train(method, data(), tmp_path / "run", settings)
    (line,) = [x for x in read_metrics(tmp_path / "run/metrics.jsonl") if "loss" in x]
    first = read_metrics(tmp_path / "whole/metrics.jsonl")[0]["loss"]
    assert line["loss"] == pytest.approx(first, rel=1e-6)
    assert line["skipped_steps"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(nan, id="loss"),
        pytest.param(InfiniteGradient.apply, id="gradient", marks=LONG),
    ],
)
def test_three_in_a_row_end_the_run(tmp_path, fault):
    method = unsup()
    method.loss = Sometimes(method.loss, range(3, 99), fault)
    with pytest.raises(NumericError, match=r"at step 5.*last 3 steps.*checkpoint-4'") as caught:
        train(method, data(), tmp_path / "run", replace(SETTINGS, max_steps=9))
    assert caught.value.exit_code == 5
    assert not (tmp_path / "run/modules.json").exists()


def test_the_count_survives_a_resume(tmp_path):
    settings = replace(SETTINGS, max_steps=9, max_bad_steps=4)
    method = unsup()
    method.loss = Sometimes(method.loss, range(2, 99), nan)
    cut(method, tmp_path / "run", 3, settings)  # two of them bad
    again = unsup()
    again.loss = Sometimes(again.loss, range(1, 99), nan)
    with pytest.raises(NumericError, match="at step 5, as in each of the last 4"):
        train(again, data(), tmp_path / "run", settings, resume=True)


@pytest.mark.wide
def test_the_command_ends_with_5_and_the_record_counts(sentemb, tmp_path, monkeypatch):
    step = ContrastiveTrainer.compute_loss
    calls = []

    def bad(self, *args, **kwargs):
        calls.append(1)
        return step(self, *args, **kwargs) * (float("nan") if len(calls) in bad.at else 1)

    monkeypatch.setattr(ContrastiveTrainer, "compute_loss", bad)
    few = ("train", "--batch-size", 8, "--max-steps", 6, "--save-steps", 1, "--select", "last")
    bad.at = {2, 4}
    process = sentemb(*few, "-o", "out")
    assert process.returncode == 0
    assert b"2 steps were skipped" in process.stderr
    assert json.loads((tmp_path / "out/run.json").read_text())["skipped_steps"] == 2
    calls.clear()
    bad.at = {2, 3}
    assert sentemb(*few, "--max-bad-steps", 2, "-o", "other").returncode == 5


def test_gradients_that_overflow_are_the_scalers_affair(tmp_path, monkeypatch, caplog):
    """A scaler on the CPU, as of fp16."""
    create = ContrastiveTrainer.create_optimizer

    def scaled(self, *args):
        self.accelerator.scaler = torch.amp.GradScaler("cpu")
        return create(self, *args)

    method = queued()
    method.loss = Sometimes(method.loss, {5}, InfiniteGradient.apply)
    monkeypatch.setattr(ContrastiveTrainer, "create_optimizer", scaled)
    run = train(method, data(), tmp_path / "run", KEPT)
    assert (run.steps, run.skipped_steps) == (4, 0)
    assert "is skipped" not in caplog.text
    before, after = saved(tmp_path / "run", 3), saved(tmp_path / "run", 4)
    differing = [n for n in before if "queue" not in n and not torch.equal(before[n], after[n])]
    assert differing == []


def test_a_dev_score_that_is_no_number_is_an_error(tmp_path):
    class Broken(STS):
        def __call__(self, encode):
            calls.append(1)
            return super().__call__(encode) | ({"spearman": float("nan")} if calls[2:] else {})

    calls = []
    task = dev()
    broken = Broken(task.name, task.sentences1, task.sentences2, task.scores)
    settings = replace(SETTINGS, eval_steps=1)
    with pytest.raises(NumericError, match="eval_spearman is nan at step 2"):
        train(unsup(), data(), tmp_path / "run", settings, dev=broken)


def short_of_memory(method, rows, error=torch.OutOfMemoryError):
    """Let the encoder fit so many sequences at once, from the first step on."""
    short_of_memory.on = False

    def check(module, args):
        if torch.is_grad_enabled() and short_of_memory.on and len(args[0]["input_ids"]) > rows:
            raise error("DefaultCPUAllocator: can't allocate memory: you tried 4 GB")

    method.encoder.register_forward_pre_hook(check)
    return method


@pytest.fixture(autouse=True)
def after_the_trial(monkeypatch):
    """The trial of some rows fits."""
    short_of_memory.on = False
    begin = ContrastiveTrainer.begin_step

    def begun(self):
        short_of_memory.on = True
        begin(self)

    monkeypatch.setattr(ContrastiveTrainer, "begin_step", begun)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError,
        pytest.param(MemoryError, marks=LONG),
        pytest.param(RuntimeError, marks=LONG),
    ],
)
def test_a_step_that_does_not_fit_is_taken_in_smaller_parts(tmp_path, error, caplog):
    settings = replace(SETTINGS, packed=False)
    whole = augmented()
    train(whole, data(), tmp_path / "whole", settings)
    method = short_of_memory(augmented(), 6, error)
    run = train(method, data(), tmp_path / "run", settings)
    assert run.micro_batch == 2
    assert caplog.text.count("did not fit into memory") == 2  # 16 sequences, 8, and 4 that fit
    lines = read_metrics(tmp_path / "run/metrics.jsonl")
    assert [line["micro_batch"] for line in lines if "micro_batch" in line] == [4, 2]
    losses = [
        [line["loss"] for line in read_metrics(folder / "metrics.jsonl") if "loss" in line]
        for folder in (tmp_path / "whole", tmp_path / "run")
    ]
    assert losses[1] == pytest.approx(losses[0], abs=1e-6)


class RunsOut(torch.autograd.Function):
    """The identity, whose gradient does not fit."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise torch.OutOfMemoryError("in the backward")


@LONG
@pytest.mark.parametrize("build", [augmented, queued])
def test_running_out_in_the_backward_of_the_second_batch(tmp_path, build):
    """The gradient, the queue and the terms of the first are taken back, and computed again."""
    settings = replace(SETTINGS, packed=False, accumulation=2, micro_batch=4)
    whole, method = build(), build()
    train(whole, data(), tmp_path / "whole", replace(settings, micro_batch=2))
    method.loss = Sometimes(method.loss, {2 if build is augmented else 3}, RunsOut.apply)
    run = train(method, data(), tmp_path / "run", settings)
    assert run.micro_batch == 2
    assert_bit_equal(state(whole), state(method))


def test_where_not_one_row_fits_it_is_said(tmp_path):
    method = short_of_memory(augmented(), 0)
    with pytest.raises(OutOfMemoryError, match=r"not even one row .* `max_length`") as caught:
        train(method, data(), tmp_path / "run", replace(SETTINGS, packed=False))
    assert caught.value.exit_code == 6


def test_finetune_says_what_to_do(sentemb, monkeypatch):
    def runs_out(*args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("transformers.Trainer.compute_loss", runs_out)
    process = sentemb("finetune", "--epochs", 1, "-o", "out")
    assert process.returncode == 6
    assert b"batch of 32" in process.stderr
    assert b"--accumulation" in process.stderr
