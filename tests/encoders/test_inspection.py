"""What an inspection finds in a model, settles, and leaves as it was."""

import json
import logging
import shutil

import numpy as np
import pytest
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling

from sentemb import Settings, simcse_unsup, train
from sentemb.bundled import bundled
from sentemb.encoders import build_encoder
from sentemb.encoders.inspection import inspect
from sentemb.encoders.places import places
from sentemb.encoders.tells_apart import require_telling_apart
from sentemb.errors import InputError
from sentemb.finetuning.classifier import load_classifier
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder
from tests.support import zoo
from tests.support.zoo import change

LOADERS = [build_encoder, load_encoder, load_classifier]
BACKTRACKS = {"type": "Split", "pattern": {"Regex": "(?:a|aa)+$"}, "behavior": "Isolated",
              "invert": False}  # fmt: skip
PANICS = "a" * 40 + "!"


@pytest.fixture
def raw(tmp_path):
    return shutil.copytree(bundled("mini"), tmp_path / "raw")


@pytest.mark.sampled
@pytest.mark.parametrize(("kind", "most"), [
    (zoo.bert, 128), (zoo.roberta, 128), (zoo.xlm_roberta, 64), (zoo.mpnet, 64), (zoo.albert, 64),
    (zoo.distilbert, 64), (zoo.gpt2, 64), (zoo.deberta, None), (zoo.modernbert, None),
    (zoo.qwen2, None), (zoo.t5_encoder, None),
])  # fmt: skip
def test_places_are_those_that_a_forward_takes(kind, most, tmp_path):
    kind(tmp_path / "model")
    transformer = Transformer(str(tmp_path / "model"))
    model = transformer.auto_model.eval()
    assert places(model) == most
    ids = torch.full((1, most or 400), 7)
    with torch.no_grad():
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
    if most is not None:
        with pytest.raises((IndexError, RuntimeError)), torch.no_grad():
            model(input_ids=torch.full((1, most + 1), 7), attention_mask=torch.ones(1, most + 1))


def test_ids_past_the_table_are_refused_by_every_loader(raw):
    tokenizer = json.loads((raw / "tokenizer.json").read_text())
    word = next(word for word, place in tokenizer["model"]["vocab"].items() if place == 7000)
    tokenizer["model"]["vocab"][word] = 99_999
    (raw / "tokenizer.json").write_text(json.dumps(tokenizer))
    for load in LOADERS:
        with pytest.raises(InputError, match=f"'{word}' with the id 99,999.*has 8,192 rows"):
            load(raw)


@pytest.mark.sampled
@pytest.mark.parametrize("given", [-5, 0, "long", 2.5])
def test_lengths_that_are_none(given, raw, tmp_path):
    build_encoder(raw, device="cpu").save_pretrained(str(tmp_path / "model"))
    change(tmp_path / "model/sentence_bert_config.json", max_seq_length=given)
    for load in (build_encoder, load_encoder):
        with pytest.raises(InputError, match=r"Cannot (load|use) model '.*model'"):
            load(tmp_path / "model")


def test_a_padding_token_without_a_stand_in(tmp_path):
    zoo.gpt2(tmp_path / "model")
    change(tmp_path / "model/tokenizer_config.json", eos_token=None, bos_token=None)
    with pytest.raises(InputError, match="no padding token, and no end token"):
        build_encoder(tmp_path / "model")


def test_the_mode_of_every_part_is_kept(tmp_path):
    zoo.sentence_bert(tmp_path / "model")
    plain = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    plain[1].eval()
    plain[0].train()
    before = [part.training for part in plain.modules()]
    inspect(plain, "model")
    assert [part.training for part in plain.modules()] == before


def test_the_random_numbers_are_kept(raw):
    torch.manual_seed(3)
    build_encoder(raw)
    after = torch.rand(1)
    torch.manual_seed(3)
    encoder = build_encoder("mini")
    assert torch.rand(1) == after
    inspect(encoder, "mini")


def test_half_precision_given_from_python_is_trained_in_float32(tmp_path, unlabelled, caplog):
    caplog.set_level(logging.INFO)
    zoo.bert(tmp_path / "raw")
    modules = [Transformer(str(tmp_path / "raw")), Pooling(32, "mean")]
    encoder = SentenceTransformer(modules=modules, device="cpu").half()
    settings = Settings(batch_size=4, learning_rate=1e-4, epochs=1, max_steps=1, packed=False)
    train(simcse_unsup(encoder), unlabelled, tmp_path / "run", settings)
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    assert "weights were torch.float16: they are trained in float32" in caplog.text


def test_what_has_no_transformer_is_not_trained_from_python_either(tmp_path, unlabelled):
    zoo.static(tmp_path / "static")
    encoder = build_encoder(tmp_path / "static", device="cpu")
    with pytest.raises(InputError, match="begins with StaticEmbedding, and training needs a tran"):
        train(simcse_unsup(encoder), unlabelled, tmp_path / "run",
              Settings(batch_size=4, learning_rate=1e-4, epochs=1, max_steps=1))  # fmt: skip


def test_a_pooler_that_is_read_is_kept(tmp_path):
    """A folder may take BERT's pooled output for the vector of a text."""
    zoo.sentence_bert(tmp_path / "model")
    text = {"method": "forward", "method_output_name": "pooler_output"}
    change(tmp_path / "model/sentence_bert_config.json",
           modality_config={"text": text}, module_output_name="sentence_embedding")  # fmt: skip
    modules = json.loads((tmp_path / "model/modules.json").read_text())
    (tmp_path / "model/modules.json").write_text(json.dumps(modules[:1]))
    plain = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    ours = build_encoder(tmp_path / "model", device="cpu")
    np.testing.assert_allclose(ours.encode(["a man"]), plain.encode(["a man"]), atol=1e-6)


@pytest.fixture
def panicking(raw):
    """A tokenizer that fails on one text: its expression backtracks without end."""
    tokenizer = json.loads((raw / "tokenizer.json").read_text())
    steps = [BACKTRACKS, tokenizer["pre_tokenizer"]]
    tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": steps}
    change(raw / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    (raw / "tokenizer.json").write_text(json.dumps(tokenizer))
    return raw


def test_a_text_that_makes_the_tokenizer_panic_is_named_by_its_row(panicking, tmp_path, sentemb):
    (tmp_path / "a.txt").write_text(f"One.\nTwo.\n{PANICS}\n")
    done = sentemb("encode", "a.txt", "--model", panicking)
    assert done.returncode == 3, done.stderr
    error = done.stderr.decode().splitlines()[-1]
    assert error.startswith("error: Row 3 ('aaaaaaaaaa")
    assert str(panicking) in error
    assert "tokenizer failed (Onig" in error
    assert not (tmp_path / "a.npy").exists()


@pytest.mark.sampled
@pytest.mark.parametrize("command", [
    "train --model raw --data a.txt --max-steps 1 --batch-size 2",
    "finetune --model raw --data b.tsv --dev b.tsv",
    "evaluate raw --sts c.tsv",
    "check a.txt --model raw",
])  # fmt: skip
def test_every_command_refuses_it(command, panicking, tmp_path, sentemb):
    (tmp_path / "a.txt").write_text(f"One.\nTwo.\nThree.\n{PANICS}\n")
    (tmp_path / "b.tsv").write_text(f"text\tlabel\nOne.\t0\nTwo.\t1\n{PANICS}\t0\n")
    (tmp_path / "c.tsv").write_text(
        f"sentence1\tsentence2\tscore\nOne.\tTwo.\t0\nTwo.\tThree.\t3\nOne.\t{PANICS}\t1\n"
    )
    done = sentemb(*command.split())
    assert done.returncode == 3, done.stderr
    assert "aaaaaaaaaa" in done.stderr.decode().splitlines()[-1]


def test_a_tokenizer_that_panics_when_it_is_loaded(raw):
    tokenizer = json.loads((raw / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}
    (raw / "tokenizer.json").write_text(json.dumps(tokenizer))
    for load in LOADERS:
        with pytest.raises(InputError, match=f"'{raw}'.*Precompiled"):
            load(raw)


def with_special_token(tmp_path, pad):
    """The bundled encoder with a special token past its table, as Gemma's of pictures."""
    shutil.copytree(bundled("mini"), tmp_path / "m")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "m")
    tokenizer.add_special_tokens(
        {"pad_token": "<pad>"} if pad else {"additional_special_tokens": ["<image>"]}
    )
    tokenizer.save_pretrained(tmp_path / "m")
    return tmp_path / "m"


@pytest.mark.parametrize("pad", [False, True])
def test_a_special_token_past_the_table_is_no_fault_until_a_text_has_it(tmp_path, mini, pad):
    folder = with_special_token(tmp_path, pad)
    encoder = build_encoder(folder, pooling="mean", device="cpu")
    texts = ["a man plays", "a much longer text about a guitar and a man"]
    assert abs(encoder.encode(texts) - mini.encode(texts)).max() < 1e-5
    with Embedder(encoder) as embedder:
        assert abs(embedder.encode(texts) - mini.encode(texts)).max() < 1e-5
        if not pad:
            with pytest.raises(InputError, match=r"The text 'a <image>': the model fails on it"):
                embedder.encode(["a <image>"])


def test_a_collapsed_encoder_is_measured_all_the_same(mini, caplog):
    dense = Dense(96, 4, activation_function=torch.nn.Identity())
    torch.nn.init.zeros_(dense.linear.weight)
    torch.nn.init.ones_(dense.linear.bias)
    require_telling_apart(SentenceTransformer(modules=[*mini, dense], device="cpu"))
    assert "has collapsed" in caplog.text


@pytest.mark.parametrize("content", ["null", "5", "[]"])
def test_a_config_that_is_no_object_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match="holds no JSON object"):
        build_encoder(tmp_path)


def test_a_pooler_that_the_model_calls_stays(tmp_path, mini):
    config = transformers.SqueezeBertConfig(
        vocab_size=8192, hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
        intermediate_size=64, embedding_size=32,
    )  # fmt: skip
    transformers.SqueezeBertModel(config).save_pretrained(tmp_path)
    mini.tokenizer.save_pretrained(tmp_path)
    encoder = build_encoder(tmp_path, pooling="mean", device="cpu")
    plain = SentenceTransformer(str(tmp_path), device="cpu")
    assert abs(encoder.encode(["a man"]) - plain.encode(["a man"])).max() < 1e-6
    assert not any(p.requires_grad for p in encoder[0].auto_model.pooler.parameters())
