"""On a GPU: what it computes, and that no step waits for it; `benchmarks/gpu.py` on a CPU."""

import importlib.util
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from sentemb import Settings, View, build_encoder, train
from sentemb.inference.embedder import Embedder
from sentemb.losses import InfoNCE
from sentemb.method import Method
from sentemb.methods import moco, simcse_unsup
from sentemb.runs.logs import read_metrics
from sentemb.training.trainer import ContrastiveTrainer
from sentemb.twins import Siamese
from sentemb.views import TokenShuffle
from tests.conftest import ROOT
from tests.support.encoders import mini
from tests.support.helpers import assert_bit_equal, state, without_dropout
from tests.support.runs import Sometimes, cut, data

SETTINGS = Settings(
    batch_size=8, learning_rate=1e-3, epochs=9, max_steps=6, save_steps=3, select="last"
)
WAYS = {
    "padded": {"packed": False, "compile": False},
    "packed": {"packed": True},
    "compiled": {"compile": True},
}
GPU = pytest.mark.gpu


def on_gpu():
    return mini().to("cuda")


def losses(folder):
    return [line["loss"] for line in read_metrics(folder / "metrics.jsonl") if "loss" in line]


def shuffled():
    views = (View(), View(order=TokenShuffle()))
    return Method(views, Siamese(without_dropout(on_gpu())), InfoNCE(0.05))


@GPU
@pytest.mark.parametrize("way", ["packed", "compiled"])
def test_losses_are_those_of_padded_float32(way, tmp_path):
    settings = replace(SETTINGS, precision="fp32", save_steps=1)
    train(shuffled(), data(), tmp_path / "padded", replace(settings, **WAYS["padded"]))
    train(shuffled(), data(), tmp_path / way, replace(settings, **WAYS[way]))
    assert losses(tmp_path / way) == pytest.approx(losses(tmp_path / "padded"), abs=1e-5)


@GPU
@pytest.mark.parametrize("way", ["padded", "compiled"])
@pytest.mark.parametrize("build", [simcse_unsup, lambda encoder: moco(encoder, queue_size=8)])
def test_cuda_itself_sees_no_wait_in_a_step(build, way, tmp_path, monkeypatch):
    class Watch(TrainerCallback):
        def on_step_begin(self, args, state, control, **_):
            if state.global_step > 3:  # shapes are compiled, the queue is full
                torch.cuda.set_sync_debug_mode("error")

        def on_step_end(self, args, state, control, **_):
            torch.cuda.set_sync_debug_mode("default")

    prepare = ContrastiveTrainer.__init__

    def prepared(self, *args, **kwargs):
        prepare(self, *args, **kwargs)
        self.add_callback(Watch())

    monkeypatch.setattr(ContrastiveTrainer, "__init__", prepared)
    try:
        train(build(on_gpu()), data(), tmp_path / "run", replace(SETTINGS, **WAYS[way]))
    finally:
        torch.cuda.set_sync_debug_mode("default")


@GPU
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_bad_step_changes_nothing(precision, tmp_path):
    settings = replace(SETTINGS, max_steps=4, precision=precision, packed=False)
    method = simcse_unsup(on_gpu())
    method.loss = Sometimes(method.loss, {4}, lambda loss: loss * float("nan"))
    assert train(method, data(), tmp_path / "run", settings).skipped_steps == 1
    assert all(torch.isfinite(p).all() for p in method.parameters())


@GPU
@pytest.mark.parametrize("way", list(WAYS))
def test_a_resumed_run_is_the_whole_one(way, tmp_path):
    settings = replace(SETTINGS, **WAYS[way], precision="fp32")
    whole, half = simcse_unsup(on_gpu()), simcse_unsup(on_gpu())
    train(whole, data(), tmp_path / "whole", settings)
    cut(half, tmp_path / "run", 4, settings)
    again = simcse_unsup(on_gpu())
    train(again, data(), tmp_path / "run", settings, resume=True)
    assert_bit_equal(state(whole), state(again))


@GPU
@pytest.mark.parametrize(("precision", "far"), [("fp32", 1e-5), ("fp16", 2e-2), ("bf16", 1e-1)])
def test_vectors_are_those_of_a_cpu(precision, far):
    texts = data().rows["text"][:40]
    with Embedder(build_encoder("mini", device="cpu")) as cpu:
        expected = cpu.encode(texts)
    with Embedder(build_encoder("mini", device="cuda"), precision=precision) as gpu:
        assert gpu.batch_tokens >= 4096
        found = gpu.encode(texts)
    assert np.abs(found - expected).max() <= far * np.abs(expected).max()


@pytest.mark.long
def test_the_benchmark_runs_on_a_cpu(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    given = importlib.util.spec_from_file_location("gpu", ROOT / "benchmarks/gpu.py")
    gpu = importlib.util.module_from_spec(given)
    given.loader.exec_module(gpu)
    sizes = gpu.Sizes(gpu.TINY, gpu.TINY, 20, 60, (4,), 7, 2, ("padded", "without padding"))
    monkeypatch.setattr(gpu, "ON_CPU", sizes)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--device", "cpu"])
    gpu.main()
    shown = capsys.readouterr().out
    assert "a step of SimCSE, 4 rows, ours without padding" in shown
    assert "no GPU" in shown
