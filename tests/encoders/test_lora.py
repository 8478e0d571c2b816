"""LoRA: the formula, a start that is the base, a plain folder, and what cannot be adapted."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from torch import nn

from sentemb import Settings, build_encoder, train
from sentemb.encoder import load
from sentemb.encoders import Lora, add_lora, set_dropout
from sentemb.encoders import lora as module
from sentemb.encoders.lora import ADAPTER, is_adapted, merged
from sentemb.errors import SentembError, UsageError
from sentemb.finetuning.classifier import load_classifier
from sentemb.geometry.whitening import LinearMap
from sentemb.inference.postprocess import postprocess
from sentemb.methods import consert, moco, simcse_unsup
from tests.support.encoders import mini
from tests.support.helpers import assert_bit_equal, state, without_dropout
from tests.support.runs import cut, data, dev
from tests.support.zoo import qwen2

SETTINGS = Settings(batch_size=8, learning_rate=1e-2, max_steps=3, save_steps=1)


@pytest.fixture
def decoder(tmp_path):
    qwen2(tmp_path / "qwen2")
    return build_encoder(tmp_path / "qwen2", pooling="lasttoken", device="cpu")


def adapted(encoder, **options):
    add_lora(encoder, Lora(4, **options))
    return encoder


def test_the_worked_example():
    """W (1 2)(3 4), A (.5 -1), B (2 1), alpha 4, rank 1: W + 4 B A."""
    encoder = mini()
    model = encoder[0].auto_model
    query = nn.Linear(2, 2, bias=False)
    value = nn.Linear(2, 2, bias=False)
    model.small = nn.ModuleDict({"query": query, "value": value})
    query.weight.data = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    add_lora(encoder, Lora(1, alpha=4, dropout=0))
    layer, x = model.small.query, torch.tensor([1.0, 2.0])
    assert torch.equal(layer(x), torch.tensor([5.0, 11.0]))  # B is 0
    layer.lora_A["default"].weight.data = torch.tensor([[0.5, -1.0]])
    layer.lora_B["default"].weight.data = torch.tensor([[2.0], [1.0]])
    assert torch.equal(layer(x), torch.tensor([-7.0, 5.0]))
    with merged(encoder):
        assert torch.equal(model.small.query.weight, torch.tensor([[5.0, -6.0], [5.0, 0.0]]))
        assert torch.equal(model.small.query(x), torch.tensor([-7.0, 5.0]))
    assert torch.equal(layer.get_base_layer().weight, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert model.small.query is layer


@pytest.mark.parametrize("kind", ["bert", "qwen2"])
def test_it_begins_where_the_base_was_and_trains_the_matrices_alone(kind, sentences, request):
    encoder = (mini() if kind == "bert" else request.getfixturevalue("decoder")).eval()
    before = encoder.encode(sentences[:8])
    adapted(encoder).eval()
    np.testing.assert_array_equal(encoder.encode(sentences[:8]), before)
    trains = [name for name, p in encoder.named_parameters() if p.requires_grad]
    assert trains
    assert all(".lora_" in name for name in trains)
    layers = {name.split(".lora_")[0].rpartition(".")[2] for name in trains}
    gates = {f"{name}_proj" for name in ("q", "k", "v", "o", "gate", "up", "down")}
    assert layers == ({"query", "value"} if kind == "bert" else gates)


@pytest.mark.sampled
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft's own
@pytest.mark.parametrize("kind", ["bert", "qwen2"])
def test_the_saved_folder_is_plain_and_has_the_adapter_beside_it(
    kind, tmp_path, sentences, request
):
    from peft import PeftModel

    encoder = mini() if kind == "bert" else request.getfixturevalue("decoder")
    encoder.save_pretrained(str(tmp_path / "base"))
    method = simcse_unsup(adapted(encoder))
    run = train(method, data(), tmp_path / "run", SETTINGS)
    expected = encoder.eval().encode(sentences[:8])
    plain = SentenceTransformer(str(tmp_path / "run"), device="cpu")
    assert not any(".lora_" in name for name in plain.state_dict())
    found = plain.encode(sentences[:8])
    np.testing.assert_allclose(found, expected, atol=1e-6 * abs(expected).max())
    base = SentenceTransformer(str(tmp_path / "base"), device="cpu")
    assert abs(base.encode(sentences[:8]) - expected).max() > 1e-3
    peft = PeftModel.from_pretrained(base[0].auto_model, str(tmp_path / "run" / ADAPTER))
    base[0].auto_model = peft.base_model.model
    np.testing.assert_allclose(base.encode(sentences[:8]), expected, atol=1e-5)
    assert run.record["lora"] == "r=4,alpha=8,dropout=0.05"
    assert "r=4,alpha=8,dropout=0.05; merged here" in (tmp_path / "run/README.md").read_text()
    assert is_adapted(run.model)


def changed():
    """Return an encoder whose matrices say something, as training leaves them."""
    encoder = adapted(mini()).eval()
    for name, parameter in encoder.named_parameters():
        if ".lora_B" in name:
            nn.init.normal_(parameter, std=0.05)
    return encoder


def test_an_adapted_encoder_is_saved_and_pushed_plain(tmp_path, sentences, monkeypatch):
    encoder, pushed = changed(), []
    expected = encoder.encode(sentences[:8])
    close = {"atol": 1e-6 * abs(expected).max(), "rtol": 0}
    assert abs(mini().eval().encode(sentences[:8]) - expected).max() > 1e-3
    load(encoder).save(tmp_path / "saved")
    plain = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    np.testing.assert_allclose(plain.encode(sentences[:8]), expected, **close)
    monkeypatch.setattr(
        SentenceTransformer, "push_to_hub", lambda self, name: pushed.extend(self.state_dict())
    )
    load(encoder).push_to_hub("me/mine")
    assert pushed == list(mini().state_dict())
    assert is_adapted(encoder)


def test_what_is_made_of_an_adapted_encoder_is_of_what_it_learned(tmp_path, sentences):
    encoder, few = changed(), sentences[:8]

    def same(x):
        return LinearMap(torch.eye(x.shape[1]), torch.zeros(x.shape[1]), 1.0)

    postprocess(encoder, tmp_path / "made", same, ("few", few), dev(), how="whiten")
    plain = SentenceTransformer(str(tmp_path / "made"), device="cpu")
    np.testing.assert_allclose(plain.encode(few), encoder.encode(few), atol=1e-5)
    _, classifier, fresh = load_classifier(encoder, num_labels=2)
    found = dict(classifier.base_model.named_parameters())
    with merged(encoder):
        for name, weight in encoder[0].auto_model.named_parameters():
            assert torch.equal(found[name], weight), name
    assert not any(".encoder." in name for name in fresh)


@pytest.mark.parametrize(
    "recipe",
    [simcse_unsup, pytest.param(lambda e: moco(e, queue_size=20), marks=pytest.mark.long)],
)
def test_a_run_that_was_cut_resumes_bit_for_bit(recipe, tmp_path):
    def method():
        return recipe(adapted(mini("cls")))  # whose head trains beside the matrices

    whole = method()
    train(whole, data(), tmp_path / "whole", SETTINGS)
    half = method()
    cut(half, tmp_path / "cut", 2, SETTINGS)
    resumed = method()
    train(resumed, data(), tmp_path / "cut", SETTINGS, resume=True)
    assert_bit_equal(state(resumed), state(whole))
    begun = dict(method().encoder.named_parameters())
    moved = {n for n, p in resumed.encoder.named_parameters() if not torch.equal(p, begun[n])}
    assert moved == {name for name, p in begun.items() if p.requires_grad}
    other = simcse_unsup(mini("cls"))
    with pytest.raises(UsageError, match=r"lora was r=4,alpha=8,dropout=0\.05, is now None"):
        train(other, data(), tmp_path / "cut", replace(SETTINGS, max_steps=4), resume=True)


def test_micro_batches_train_the_same():
    states = []
    for rows in (0, 3):
        method = consert(adapted(without_dropout(mini()), dropout=0))
        train(method, data(), None, replace(SETTINGS, micro_batch=rows, max_steps=1))
        states.append(state(method))
    for name, found in states[1].items():
        torch.testing.assert_close(found, states[0][name], atol=1e-6, rtol=0)


def test_dropout_of_the_encoder_leaves_that_of_the_matrices():
    encoder = adapted(mini(), dropout=0.25)
    set_dropout(encoder, 0.0)
    rates = {n: m.p for n, m in encoder.named_modules() if isinstance(m, nn.Dropout)}
    assert {rate for name, rate in rates.items() if "lora" in name} == {0.25}
    assert {rate for name, rate in rates.items() if "lora" not in name} == {0.0}


def test_words():
    assert Lora.parse("r=16") == Lora(16, None, 0.05)
    assert str(Lora.parse(" r=2, alpha=3,dropout=0 ")) == "r=2,alpha=3,dropout=0"
    assert Lora.parse(str(Lora(16))) == Lora(16, 32.0, 0.05)
    for words in ("", "16", "r=x", "r=4,r=4", "r=4,beta=1", "alpha=3"):
        with pytest.raises(UsageError, match=r"`lora` (takes|needs)"):
            Lora.parse(words)
    for words in ("r=0", "r=4,alpha=0", "r=4,dropout=1", "r=4,dropout=-0.1"):
        with pytest.raises(UsageError, match="`lora` needs r of at least 1"):
            Lora.parse(words)


def test_what_cannot_be_adapted(monkeypatch):
    encoder = adapted(mini())
    with pytest.raises(UsageError, match="is adapted by `lora` already"):
        adapted(encoder)
    encoder = mini()
    encoder[0].auto_model.encoder = nn.Identity()
    with pytest.raises(UsageError, match="has no linear layers that `lora` could adapt"):
        adapted(encoder)
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(SentembError, match='`lora` needs peft: pip install "peft'):
        adapted(mini())


def test_by_name(tmp_path):
    run = train(
        "simcse-unsup",
        ["one text", "another text", "a third one", "the last"],
        tmp_path / "run",
        lora=Lora(2, alpha=2, dropout=0),
        batch_size=2,
        max_steps=1,
    )
    assert run.record["config"]["lora"] == "r=2,alpha=2,dropout=0"
    saved = json.loads((tmp_path / "run" / ADAPTER / "adapter_config.json").read_text())
    assert (saved["r"], saved["lora_alpha"], saved["lora_dropout"]) == (2, 2, 0)
    with pytest.raises(UsageError, match="lora is for methods given by name"):
        train(simcse_unsup(mini()), data(), lora=Lora(2))
