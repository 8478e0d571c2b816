"""Loading a model never runs code from it, and never reads what is not part of it."""

import json
import logging
import shutil

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import Normalize

from sentemb.bundled import bundled
from sentemb.encoders import POOLINGS, build_encoder
from sentemb.errors import InputError
from sentemb.finetuning.predict import predictions
from sentemb.inference.int8 import Int8Encoder
from sentemb.inference.torch_only import load_encoder
from sentemb.runs.checkpoint_commit import commit, read_commit
from sentemb.safety import check_model, trusting_code
from sentemb.safety.file_names import read_json
from tests.support.malicious import CASES, bomb, change, code, router_in_a_router, torch_bomb


@pytest.fixture(scope="module")
def honest(tmp_path_factory, loaded_mini):
    folder = tmp_path_factory.mktemp("honest") / "model"
    loaded_mini.save_pretrained(str(folder), create_model_card=False)
    return folder


@pytest.fixture
def model(honest, tmp_path):
    """A copy of a working model, in a folder of its own."""
    return shutil.copytree(honest, tmp_path / "given" / "model")


@pytest.mark.sampled
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_unsafe_folder_is_refused_by_every_loader(case, model, tmp_path, sentemb):
    canary = tmp_path / "given" / "canary"
    case.build(model, canary)
    for load in (build_encoder, load_encoder, check_model, lambda m: predictions(str(m), None)):
        with pytest.raises(InputError, match=f"{case.named}'") as refused:
            load(model)
        assert "\n" not in str(refused.value)
    (tmp_path / "a.txt").write_text("One.\n")
    process = sentemb("encode", "a.txt", "--model", model, "-o", "a.npy")
    error = process.stderr.decode()
    assert process.returncode == 3, error
    assert error.startswith("error: ")
    assert f"{case.named}'" in error
    assert error.count("\n") == 1
    assert not canary.exists()
    assert not (tmp_path / "a.npy").exists()


@pytest.mark.parametrize(
    "command",
    [
        "train --max-steps 1 --model given/model",
        "finetune --model given/model",
        "predict given/model a.txt",
        "evaluate given/model",
        "evaluate given/model --pooling cls",
        "export given/model --static -o out",
        "export given/model --int8 -o out",
        "views word --model given/model",
        "info given/model",
        "check a.txt --model given/model",
        "train --max-steps 1 --model given/model --resume -o begun",
    ],
)
def test_every_command_refuses(command, model, tmp_path, sentemb):
    canary = tmp_path / "canary"
    code(model, canary)
    change(model / "config.json", auto_map={"AutoModel": "custom_code.Model"})
    (tmp_path / "a.txt").write_text("One.\n")
    (tmp_path / "begun").mkdir()
    process = sentemb(*command.split())
    assert process.returncode == 3, process.stderr
    assert b"auto_map" in process.stderr
    assert not canary.exists()


def test_a_resumed_run_refuses_its_checkpoint(tmp_path, sentemb):
    """Whoever may write there can commit what they put in."""
    canary = tmp_path / "canary"
    words = ("train", "--max-steps", 1, "--batch-size", 2, "--select", "last", "-o", "run",
             "--keep-checkpoints")  # fmt: skip
    assert sentemb(*words).returncode == 0
    (tmp_path / "run/run.json").unlink()
    checkpoint = tmp_path / "run/checkpoints/checkpoint-1"
    code(checkpoint, canary)
    change(checkpoint / "config.json", auto_map={"AutoModel": "custom_code.Model"})
    commit(checkpoint, read_commit(checkpoint)["conditions"])
    process = sentemb(*words, "--resume")
    assert process.returncode == 3, process.stderr
    assert b"auto_map" in process.stderr
    assert not canary.exists()


def test_pickles_beside_safetensors_are_not_read(model, tmp_path, sentemb):
    canary = tmp_path / "canary"
    for name in ("model_head.pkl", "optimizer.pt", "a.ckpt", "a.joblib", "training_args.bin"):
        bomb(model / name, canary)
    torch_bomb(model / "pytorch_model.bin", canary)
    torch_bomb(model / "1_Pooling" / "training_args.bin", canary)
    expected = build_encoder("mini", pooling="mean", device="cpu").encode(["a"])
    np.testing.assert_allclose(build_encoder(model, device="cpu").encode(["a"]), expected, 1e-5)
    load_encoder(model)
    with pytest.raises(InputError, match="has no classifier"):
        predictions(str(model), None)
    assert not canary.exists()


@pytest.mark.sampled
@pytest.mark.parametrize("pooling", POOLINGS)
def test_models_of_ours_are_no_danger(pooling, tmp_path):
    encoder = build_encoder("mini", pooling=pooling, device="cpu")
    encoder.append(Dense(96, 8))
    encoder.append(Normalize())
    encoder.save_pretrained(str(tmp_path / "model"))
    check_model(tmp_path / "model")
    for name in ("mini", "mini-sentemb"):
        check_model(bundled(name))


def test_a_model_of_older_days_is_no_danger(minilm):
    check_model(minilm)


def test_names_without_a_module_are_no_code(model):
    change(model / "config.json", tokenizer_class="BertTokenizerFast", activation_function="gelu")
    change(model / "tokenizer_config.json", tokenizer_class=None)
    check_model(model)


def test_routers_in_a_circle_are_looked_at_once(model):
    inner = router_in_a_router(model, a="sentence_transformers.models.Router",
                               b="sentence_transformers.models.Router")  # fmt: skip
    for name in "ab":
        (inner / name).symlink_to(inner, target_is_directory=True)
    check_model(model)


def test_a_folder_with_links_inside_of_it(model):
    (model / "tokenizer.json").rename(model / "words.json")
    (model / "tokenizer.json").symlink_to("words.json")
    build_encoder(model)
    model.with_name("latest").symlink_to(model, target_is_directory=True)
    build_encoder(model.with_name("latest"))


@pytest.fixture
def cached(model, tmp_path, monkeypatch):
    """The model as the hub's cache has it: a snapshot of links into blobs."""
    repository = tmp_path / "hub" / "models--someone--model"
    snapshot = repository / "snapshots" / ("a" * 40)
    shutil.move(model, snapshot)
    (repository / "blobs").mkdir()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("a" * 40)
    for number, file in enumerate(file for file in snapshot.rglob("*") if file.is_file()):
        blob = repository / "blobs" / str(number)
        file.rename(blob)
        file.symlink_to(blob)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return snapshot


def test_a_model_of_the_hub_is_made_of_links(cached):
    expected = build_encoder("mini", pooling="mean", device="cpu").encode(["a"])
    for model in ("someone/model", cached):
        np.testing.assert_allclose(build_encoder(model, device="cpu").encode(["a"]), expected, 1e-5)
    assert load_encoder("someone/model").max_seq_length == 128


def test_a_model_of_the_hub_is_looked_at_too(cached, tmp_path):
    canary = tmp_path / "canary"
    code(cached, canary)
    change(cached / "config.json", auto_map={"AutoModel": "custom_code.Model"})
    for load in (build_encoder, load_encoder):
        with pytest.raises(InputError, match="auto_map"):
            load("someone/model")
    (cached / "config.json").unlink()
    (cached / "config.json").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match="outside of the model's folder"):
        build_encoder("someone/model")
    assert not canary.exists()


def test_no_file_and_no_variable_trusts_code(model, tmp_path, sentemb, monkeypatch):
    canary = tmp_path / "canary"
    code(model, canary)
    change(model / "config.json", trust_remote_code=True)
    change(model / "sentence_bert_config.json", model_args={"trust_remote_code": True})
    monkeypatch.setenv("SENTEMB_TRUST_REMOTE_CODE", "1")
    process = sentemb("info", model)
    assert process.returncode == 0
    assert b"SENTEMB_TRUST_REMOTE_CODE is ignored" in process.stderr
    assert b"config.json: trust_remote_code is ignored" in process.stderr
    change(model / "config.json", auto_map={"AutoModel": "custom_code.Model"})
    assert sentemb("info", model).returncode == 3
    assert not canary.exists()


def test_code_runs_where_the_command_line_says_so(model, tmp_path, sentemb):
    canary = tmp_path / "canary"
    code(model, canary)
    names = {"AutoConfig": "custom_code.Config", "AutoModel": "custom_code.Model"}
    change(model / "config.json", model_type="theirs", auto_map=names)
    assert sentemb("info", model).returncode == 3
    assert not canary.exists()
    process = sentemb("--trust-remote-code", "info", model)
    assert process.returncode == 0, process.stderr
    assert canary.exists()
    canary.unlink()
    assert sentemb("info", model).returncode == 3  # it holds for one command
    assert not canary.exists()


def test_trust_is_for_code_not_for_pickles(model, tmp_path):
    (model / "model.safetensors").unlink()
    torch_bomb(model / "pytorch_model.bin", tmp_path / "canary")
    with trusting_code(), pytest.raises(InputError, match="is a pickle"):
        build_encoder(model)
    assert not (tmp_path / "canary").exists()


def test_weights_that_may_not_be_read_are_named(model, monkeypatch):
    def refuse(file):
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr("sentemb.safety.weight_files.check_safetensors", refuse)
    for load in (check_model, build_encoder, load_encoder):
        with pytest.raises(InputError, match=r"Permission denied: '.*model.safetensors'"):
            load(model)


def test_an_int8_folder_may_not_lead_out(tmp_path):
    elsewhere = tmp_path / "elsewhere.onnx"
    elsewhere.write_bytes(b"")
    (tmp_path / "int8").mkdir()
    (tmp_path / "int8/model_int8.onnx").symlink_to(elsewhere)
    with pytest.raises(InputError, match="outside of the model's folder"):
        Int8Encoder(tmp_path / "int8")


def test_a_config_is_no_gigabyte(tmp_path):
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(InputError, match=r"1,000,000,000 bytes; a config has at most"):
        read_json(tmp_path / "config.json")


def test_what_plain_sentence_transformers_loads_we_load(honest, caplog):
    caplog.set_level(logging.WARNING)
    modules = json.loads((honest / "modules.json").read_text())
    assert all("sentence_transformers" in module["type"] for module in modules)
    assert len(SentenceTransformer(str(honest), device="cpu")) == len(build_encoder(honest))
    assert not caplog.records
