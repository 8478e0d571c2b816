"""How encoders run in training: what is chosen, and that compiled layers compute the same."""

from dataclasses import replace

import pytest
import torch

from sentemb import Settings, View, train
from sentemb.encoders import compiled
from sentemb.errors import UsageError
from sentemb.losses import InfoNCE
from sentemb.method import Method
from sentemb.methods import simcse_unsup
from sentemb.runs.logs import read_metrics
from sentemb.training.collator import Collator
from sentemb.training.forwards import settled_forwards, with_forwards
from sentemb.twins import Siamese
from sentemb.views import Adversarial, TokenShuffle
from tests.support import encoders
from tests.support.helpers import assert_bit_equal, state, without_dropout
from tests.support.runs import cut, data

SETTINGS = Settings(
    batch_size=8, learning_rate=1e-3, epochs=9, max_steps=3, save_steps=1, select="last"
)


@pytest.mark.parametrize(
    ("device", "tokens", "obstacle", "given", "expected"),
    [
        ("cpu", 4096, None, {}, (True, False)),
        ("cpu", 4096, None, {"packed": False}, (False, False)),
        ("cpu", 4096, None, {"compile": True}, (False, True)),
        ("cuda", 4096, None, {}, (False, True)),
        ("cuda", 4096, None, {"compile": False}, (False, False)),
        ("cuda", 4096, None, {"packed": True}, (True, False)),
        ("cuda", 4096, "micro-batches", {}, (False, False)),
        ("cuda", 65536, None, {}, (True, False)),
        ("cuda", 65536, None, {"packed": False}, (False, False)),
        ("cuda", 65536, None, {"compile": True}, (False, True)),
    ],
)
def test_what_is_chosen(device, tokens, obstacle, given, expected):
    settled = settled_forwards(replace(SETTINGS, **given), device, tokens, obstacle)
    assert (settled.packed, settled.compile) == expected


def shuffled(perturb=None):
    views = (View(), View(order=TokenShuffle(), perturb=perturb))
    return Method(views, Siamese(without_dropout(encoders.mini())), InfoNCE(0.05))


@pytest.mark.parametrize(
    ("given", "perturb", "message"),
    [
        ({"packed": True}, None, "keep their padding: give `compile=True` or `packed=True`"),
        ({"micro_batch": 4}, None, "micro-batches are computed again"),
        ({}, Adversarial(0.5), "adversarial view"),
    ],
)
def test_what_cannot_be_compiled_is_refused(given, perturb, message):
    settings = replace(SETTINGS, compile=True, **given)
    with pytest.raises(UsageError, match=message):
        with_forwards(settings, shuffled(perturb))


def test_no_compiler_is_said_in_one_line(monkeypatch):
    monkeypatch.setattr(compiled.shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match=r"needs a C\+\+ compiler, .* install one") as caught:
        with_forwards(replace(SETTINGS, compile=True), shuffled())
    assert "\n" not in str(caught.value)


def test_pooling_of_several_layers_is_not_compiled():
    method = shuffled()
    assert compiled.why_not_compiled(method.encoder) is None
    method.encoder[0].auto_model.config.output_hidden_states = True
    assert "several layers" in compiled.why_not_compiled(method.encoder)


def test_rows_are_padded_to_a_multiple_that_the_encoder_takes(mini):
    rows = [[2, 5, 3], [2, 7, 8, 9, 3]]
    plain, eight = (Collator(mini, (View(), View()), 32, 0, multiple=n) for n in (1, 8))
    assert plain.tokenizer.padded(rows, with_types=False)["input_ids"].shape == (2, 5)
    made = eight.tokenizer.padded(rows, with_types=False)
    assert made["input_ids"].shape == made["attention_mask"].shape == (2, 8)
    assert made["attention_mask"].sum(1).tolist() == [3, 5]
    assert eight.tokenizer.is_direct
    mini.max_seq_length = 6
    assert eight.tokenizer.padded(rows, with_types=False)["input_ids"].shape == (2, 6)


def losses(folder):
    return [line["loss"] for line in read_metrics(folder / "metrics.jsonl") if "loss" in line]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # torch warns of its own compiler
def test_compiled_layers_train_as_they_are(tmp_path):
    """Views included; the model is a plain one, and resumes."""
    train(shuffled(), data(), tmp_path / "plain", replace(SETTINGS, packed=False))
    method = shuffled()
    run = train(method, data(), tmp_path / "run", replace(SETTINGS, compile=True))
    assert losses(tmp_path / "run") == pytest.approx(losses(tmp_path / "plain"), abs=1e-5)
    assert run.settings.compile
    assert not run.settings.packed
    assert "forward" not in vars(method.encoder[0].auto_model.encoder)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 1


@pytest.mark.sampled
@pytest.mark.parametrize("packed", [True, False])
def test_checkpointed_layers_give_the_same_training(packed):
    states, layers = [], []
    for on in (False, True):
        torch.manual_seed(0)
        method = simcse_unsup(encoders.mini())
        inner = method.encoder[0].auto_model.encoder.layer[0].intermediate
        times = []
        inner.register_forward_pre_hook(
            lambda *_, times=times: times.append(torch.is_grad_enabled())
        )
        settings = replace(SETTINGS, packed=packed, gradient_checkpointing=on, max_steps=2)
        train(method, data(), None, settings)
        layers.append(sum(times))
        states.append(state(method))
    assert_bit_equal(*states)
    assert layers[1] >= layers[0] + 2  # computed again in each step
    assert not method.encoder[0].auto_model.encoder.layer[0].gradient_checkpointing


def test_layers_that_cannot_be_checkpointed(monkeypatch):
    method = simcse_unsup(encoders.mini())
    monkeypatch.setattr(method.encoder[0].auto_model, "supports_gradient_checkpointing", False)
    with pytest.raises(UsageError, match="`gradient_checkpointing` cannot be: BertModel"):
        train(method, data(), None, replace(SETTINGS, gradient_checkpointing=True))


@pytest.mark.parametrize("optim", ["adafactor", pytest.param("sgd", marks=pytest.mark.long)])
def test_other_optimizers_train_and_resume_bit_for_bit(optim, tmp_path):
    settings = replace(SETTINGS, optim=optim)
    whole, half, resumed = (simcse_unsup(encoders.mini()) for _ in range(3))
    train(whole, data(), tmp_path / "whole", settings)
    cut(half, tmp_path / "cut", 2, settings)
    train(resumed, data(), tmp_path / "cut", settings, resume=True)
    assert_bit_equal(state(resumed), state(whole))
    with pytest.raises(UsageError, match="optim was"):
        train(simcse_unsup(encoders.mini()), data(), tmp_path / "cut", SETTINGS, resume=True)


def test_an_optimizer_of_eight_bits_needs_its_package(monkeypatch):
    monkeypatch.setattr("sentemb.training.settings.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="needs bitsandbytes: pip install bitsandbytes"):
        replace(SETTINGS, optim="adamw_8bit")
