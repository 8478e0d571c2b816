"""T14: a run that goes on has the encoder that it was started with, to its last setting."""

import json
import shutil

import pytest
import torch

from sentemb import build_encoder, train
from sentemb.bundled import bundled
from sentemb.errors import UsageError
from sentemb.finetuning import run as finetuning
from sentemb.methods import consert, moco, simcse_unsup
from sentemb.runs.checkpoint_commit import COMMIT
from sentemb.runs.conditions import encoder_identity
from sentemb.training import checkpoints
from sentemb.twins import TwoTower
from tests.support.runs import SETTINGS, cut, data

FINETUNE = ("finetune", "--epochs", 2, "--lr", 3e-4, "-o", "out", "--model")


def edited(folder, name, edit):
    """Copy the raw model, with one of its JSON files changed."""
    shutil.copytree(bundled("mini"), folder)
    content = json.loads((folder / name).read_text())
    edit(content)
    (folder / name).write_text(json.dumps(content))
    return folder


def permuted(folder):
    """The same weights, for words in another order."""

    def swap(content):
        words = content["model"]["vocab"]
        one, other = (word for word, number in words.items() if number in (3000, 3001))
        words[one], words[other] = words[other], words[one]

    return edited(folder, "tokenizer.json", swap)


def otherwise(folder):
    """The same weights and words, with another activation and norm."""
    changes = {"hidden_act": "relu", "layer_norm_eps": 0.1}
    return edited(folder, "config.json", lambda content: content.update(changes))


def more_dropout(folder):
    return edited(folder, "config.json", lambda content: content.update(hidden_dropout_prob=0.4))


def unsup(model="mini", pooling="mean"):
    torch.manual_seed(0)
    return simcse_unsup(build_encoder(model, pooling=pooling, device="cpu"))


def dropping(rate):
    torch.manual_seed(0)
    return consert(build_encoder("mini", pooling="mean", device="cpu"), dropout=rate)


def refused(method, folder, **how):
    with pytest.raises(UsageError) as caught:
        train(method, data(), folder, SETTINGS, resume=True, **how)
    return str(caught.value)


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    folder = tmp_path_factory.mktemp("started")
    cut(unsup(), folder / "run", batches=2)
    return folder / "run"


@pytest.fixture
def run(started, tmp_path):
    return shutil.copytree(started, tmp_path / "run")


def test_another_pooling(run, caplog):
    told = refused(unsup(pooling="cls_before_pooler"), run)
    assert "otherwise: modules was Transformer -> Pooling mean, sha256 " in told
    assert "is now Transformer -> Pooling cls, sha256 " in told
    assert told.endswith("resume anyway with `allow_changed=['modules']`.")
    other = unsup(pooling="cls_before_pooler")
    how = {"resume": True, "allow_changed": ["modules"]}
    assert train(other, data(), run, SETTINGS, **how).steps == 4
    assert "Changed since checkpoint-" in caplog.text


def test_another_dropout(tmp_path):
    cut(dropping(0.1), tmp_path / "run", batches=2)
    told = refused(dropping(0.4), tmp_path / "run")
    assert "otherwise: dropout was 0.1, is now 0.4. Give" in told
    assert told.endswith("with `allow_changed=['dropout']`.")
    how = {"resume": True, "allow_changed": ["dropout"]}
    assert train(dropping(0.4), data(), tmp_path / "run", SETTINGS, **how).steps == 4


def test_the_same_weights_for_other_words(run, tmp_path):
    told = refused(unsup(permuted(tmp_path / "permuted")), run)
    assert "otherwise: tokenizer was 8,192 tokens, cut at the right, sha256 " in told
    assert told.endswith("with `allow_changed=['tokenizer']`.")


def test_the_same_weights_in_another_network(run, tmp_path):
    told = refused(unsup(otherwise(tmp_path / "otherwise")), run)
    assert ("otherwise: config was hidden_act=gelu, layer_norm_eps=1e-12, "
            "is now hidden_act=relu, layer_norm_eps=0.1. Give") in told  # fmt: skip
    assert told.endswith("with `allow_changed=['config']`.")


def test_the_other_tower_counts_too(mini, tmp_path):
    def described(other):
        return checkpoints._towers(TwoTower(mini, build_encoder(other, "mean", device="cpu")))

    first, second = described("mini"), described(otherwise(tmp_path / "otherwise"))
    assert [name for name in first if first[name] != second[name]] == ["positive_config"]


def test_a_tokenizer_that_was_used_is_the_same(mini):
    before = encoder_identity(mini)
    mini.encode(["One.", "Two of them."])
    assert encoder_identity(mini) == before


def test_where_and_by_what_a_model_was_saved_is_no_part_of_it(run, tmp_path):
    moved = edited(
        tmp_path / "moved",
        "config.json",
        lambda content: content.update(transformers_version="4.0.0"),
    )
    assert train(unsup(moved), data(), run, SETTINGS, resume=True).steps == 4


def test_what_cannot_be_loaded_is_not_offered(run):
    torch.manual_seed(0)
    other = moco(build_encoder("mini", pooling="mean", device="cpu"), queue_size=20)
    told = refused(other, run)
    assert "twin was Siamese" in told
    assert "its state does not fit" in told
    assert "allow_changed" not in told
    again = refused(other, run, allow_changed=["twin", "loss", "views"])
    assert "its state does not fit" in again


def test_a_checkpoint_of_an_earlier_version_is_refused(run):
    for file in run.glob(f"checkpoints/*/{COMMIT}"):
        content = json.loads(file.read_text())
        for name in ("config", "modules", "tokenizer", "dropout"):
            del content["conditions"][name]
        del content["sha256"]
        file.write_text(json.dumps(content))
    told = refused(unsup(), run)
    assert "by an earlier version of sentemb, which did not note config, modules" in told


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    return tmp_path_factory.mktemp("tuned")


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("build", "shown"),
    [
        (permuted, b"otherwise: tokenizer was 8,192 tokens"),
        (otherwise, b"is now hidden_act=relu, layer_norm_eps=0.1."),
        (more_dropout, b"dropout was 0.1, is now 0.1, 0.4"),
    ],
)
def test_another_model_in_finetune(sentemb, tmp_path, monkeypatch, tuned, build, shown):
    kept = tuned / "out"
    if not kept.exists():
        with monkeypatch.context() as patch:
            patch.setattr(finetuning, "_publish", lambda *args: 1 / 0)
            assert sentemb(*FINETUNE, "mini").returncode == 70
        shutil.copytree("out", kept)
    shutil.copytree(kept, "out", dirs_exist_ok=True)
    process = sentemb(*FINETUNE, build(tmp_path / "other"), "--resume")
    assert process.returncode == 2
    assert shown in process.stderr
