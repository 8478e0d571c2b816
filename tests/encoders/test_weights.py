"""Weights that a folder lacks are refused by name, before anything is allocated."""

import json
import shutil
import time

import pytest
import torch
from safetensors.torch import load_file, save_file

from sentemb.bundled import bundled
from sentemb.encoders import build_encoder
from sentemb.errors import InputError
from sentemb.finetuning.classifier import load_classifier
from sentemb.inference.torch_only import load_encoder, load_plain
from tests.support import zoo
from tests.support.zoo import change

LOADERS = [build_encoder, load_encoder, load_classifier]


@pytest.fixture
def raw(tmp_path):
    """The bundled raw encoder, which has a head of its own and no pooler."""
    return shutil.copytree(bundled("mini"), tmp_path / "raw")


@pytest.fixture
def sentences(tmp_path):
    """A sentence-transformers folder with a head."""
    encoder = build_encoder("mini", pooling="cls", device="cpu")
    encoder.save_pretrained(str(tmp_path / "sentences"), create_model_card=False)
    return tmp_path / "sentences"


def without(folder, *words):
    """Leave tensors out of a folder's weights; returns how many."""
    tensors = load_file(folder / "model.safetensors")
    kept = {name: t for name, t in tensors.items() if not any(word in name for word in words)}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return len(tensors) - len(kept)


def refused(folder, words, loaders=LOADERS):
    for load in loaders:
        with pytest.raises(InputError, match=words) as error:
            load(folder)
        assert str(folder) in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.sampled
@pytest.mark.parametrize("name", [
    "embeddings.word_embeddings.weight",
    "embeddings.position_embeddings.weight",
    "embeddings.LayerNorm.bias",
    "encoder.layer.1.attention.self.query.bias",
    "encoder.layer.0.output.dense.weight",
])  # fmt: skip
def test_one_tensor_left_out(name, raw, sentences):
    assert without(raw, name) == 1
    refused(raw, f"its weights lack (bert.)?{name}, which its config asks for")
    assert without(sentences, name) == 1
    refused(sentences, f"its weights lack {name}, which", [build_encoder, load_encoder])


@pytest.mark.sampled
@pytest.mark.parametrize(("keys", "words"), [
    ({"num_hidden_layers": 3}, r"lack (bert.)?encoder.layer.2.*13 more tensors"),
    ({"num_hidden_layers": 10_000}, r"config.json' asks for 10,000 layers \(num_hidden_layers\)"),
    ({"num_hidden_layers": -1}, "num_hidden_layers -1, but a whole number of at least 0 is"),
    ({"num_hidden_layers": "two"}, "num_hidden_layers 'two', but a whole number"),
    ({"num_attention_heads": 0}, "num_attention_heads 0, but a whole number of at least 1"),
    ({"num_attention_heads": 7}, "hidden size .* multiple of the number of attention heads"),
    ({"hidden_size": 3 * 2**19}, r"LayerNorm.bias has the shape \[96\], .* asks for \[1572864\]"),
    ({"intermediate_size": 2**30}, r"shape \[128\], and the config asks for \[1073741824\]"),
    ({"vocab_size": 2**31}, r"shape \[8192, 96\], and the config asks for \[2147483648, 96\]"),
    ({"vocab_size": -5}, "vocab_size -5, but a whole number of at least 1"),
    ({"max_position_embeddings": 512}, r"shape \[128, 96\], and the config asks for \[512, 96\]"),
    ({"max_position_embeddings": "many"}, "max_position_embeddings 'many', but a whole number"),
    ({"type_vocab_size": 4}, r"shape \[2, 96\], and the config asks for \[4, 96\]"),
])  # fmt: skip
def test_a_config_that_the_weights_do_not_fit(keys, words, raw):
    change(raw / "config.json", **keys)
    started = time.process_time()
    refused(raw, words)
    assert time.process_time() - started < 20


def test_fewer_layers_than_there_are_weights_for_are_told(raw, caplog):
    change(raw / "config.json", num_hidden_layers=1)
    for load in (build_encoder, load_encoder):
        caplog.clear()
        load(raw)
        assert "its config asks for fewer layers than its weights have" in caplog.text
        assert "encoder.layer.1" in caplog.text


def test_a_shard_left_out_and_a_tensor_left_out_of_a_shard(raw):
    tensors = load_file(raw / "model.safetensors")
    names = sorted(tensors)
    halves = {"a.safetensors": names[:20], "b.safetensors": names[20:]}
    for file, some in halves.items():
        save_file({name: tensors[name] for name in some}, raw / file, metadata={"format": "pt"})
    (raw / "model.safetensors").unlink()
    where = {name: file for file, some in halves.items() for name in some}
    index = {"metadata": {"total_size": 1}, "weight_map": where}
    (raw / "model.safetensors.index.json").write_text(json.dumps(index))
    whole = build_encoder("mini", pooling="mean", device="cpu").encode(["a man"])
    assert abs(build_encoder(raw, device="cpu").encode(["a man"]) - whole).max() < 1e-6
    some = {name: tensors[name] for name in names[20:] if "layer.1.output.dense.bias" not in name}
    save_file(some, raw / "b.safetensors", metadata={"format": "pt"})
    refused(raw, "its weights lack (bert.)?encoder.layer.1.output.dense.bias")


def test_heads_and_poolers_that_nothing_reads_may_be_missing(raw, sentences):
    """The bundled encoder has a language model's head, and no pooler."""
    build_encoder(raw)
    fresh = load_classifier(raw, num_labels=3)[2]
    drawn = {"classifier", "bert.pooler.dense"}
    assert fresh == {f"{name}.{part}" for name in drawn for part in ("weight", "bias")}
    build_encoder(sentences)


def test_a_module_without_its_weights(sentences):
    head = next(sentences.glob("*_Dense"))
    without(head, "bias")
    refused(sentences, "linear.bias", [build_encoder, load_encoder])
    change(head / "config.json", out_features=5)
    refused(sentences, "Cannot load", [build_encoder, load_encoder])


def test_modules_that_do_not_fit_each_other(sentences, tmp_path):
    head = next(sentences.glob("*_Dense"))
    tensors = {"linear.weight": torch.zeros(4, 5), "linear.bias": torch.zeros(4)}
    save_file(tensors, head / "model.safetensors")
    change(head / "config.json", in_features=5, out_features=4)
    refused(sentences, r"fails on short texts \(RuntimeError", [build_encoder, load_encoder])
    encoder = build_encoder("mini", pooling="avg_top2", device="cpu")
    encoder.save_pretrained(str(tmp_path / "layers"), create_model_card=False)
    layers = next((tmp_path / "layers").glob("*_WeightedLayerPooling"))
    save_file({"layer_weights": torch.ones(9)}, layers / "model.safetensors")
    refused(tmp_path / "layers", "Cannot", [build_encoder, load_encoder])


@pytest.mark.parametrize("family", ["Bert", "Electra"])
def test_random_numbers_are_never_weights(family, tmp_path):
    """Every tensor of a tiny model, left out on its own, is missed by the fast loader."""
    zoo.build(f"{family}Model", tmp_path / "tiny", zoo.wordpiece(),
              **zoo.WIDE | {"num_hidden_layers": 1}, max_position_embeddings=128)  # fmt: skip
    tensors = load_file(tmp_path / "tiny/model.safetensors")
    assert load_plain(tmp_path / "tiny") is not None
    for name in tensors:
        if name.startswith("pooler."):
            continue
        save_file(
            {other: tensor for other, tensor in tensors.items() if other != name},
            tmp_path / "tiny/model.safetensors",
        )
        assert load_plain(tmp_path / "tiny") is None, name


@pytest.mark.sampled
@pytest.mark.parametrize("word", ["position", "layer.0", "embed_tokens", "norm"])
@pytest.mark.parametrize("kind", [zoo.distilbert, zoo.gpt2, zoo.mpnet, zoo.modernbert])
def test_other_families(kind, word, tmp_path):
    kind(tmp_path / "tiny")
    word = {"layer.0": "0.", "position": "position", "norm": "orm"}.get(word, word)
    if without(tmp_path / "tiny", word):
        refused(tmp_path / "tiny", "its weights lack", [build_encoder, load_encoder])
