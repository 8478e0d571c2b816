"""The vector of a text is one, alone or beside others, whichever side a tokenizer pads on."""

import copy
import json
import shutil

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb import Settings, View, build_encoder, simcse_unsup, train
from sentemb.bundled import bundled
from sentemb.encoders import embed
from sentemb.encoders.tells_apart import require_telling_apart
from sentemb.errors import InputError
from sentemb.finetuning.classifier import load_classifier
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder
from sentemb.training.collator import Collator
from tests.support.helpers import numbered
from tests.support.tiny import CONFIGS

CAUSAL = {
    "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 140, "vocab_size": 8200},
    "Qwen2": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
              "num_key_value_heads": 2, "intermediate_size": 64, "vocab_size": 8200,
              "max_position_embeddings": 140, "attention_dropout": 0.1},
}  # fmt: skip
FAMILIES = ["Bert", "Roberta", "MPNet", "Albert", "DistilBert", "DebertaV2", "ModernBert", "T5"]
POOLINGS = ["cls_before_pooler", "mean", "lasttoken", "avg_first_last"]


@pytest.fixture
def texts(sentences):
    return ["", "a cat", *sentences[:6], " ".join(sentences[:30]), "a cat"]


@pytest.fixture
def build(build_tiny, monkeypatch):
    """Build a tiny encoder whose tokenizer pads on a side, as its folder would have it."""

    def tiny(family, pooling, side):
        for name, config in CAUSAL.items():
            monkeypatch.setitem(CONFIGS, name, config)
        encoder = build_tiny(family, pooling).eval()
        encoder.tokenizer.padding_side = side
        return encoder

    return tiny


def alone(encoder, texts):
    """Embed each text by itself, by sentence-transformers."""
    return np.concatenate([encoder.encode([text], show_progress_bar=False) for text in texts])


def cases():
    """Return families, poolings and sides; in every run each of the three, but not each cross."""
    for family in (*FAMILIES, *CAUSAL):
        for pooling in POOLINGS:
            for side in ("left", "right"):
                quick = side == "left" and (pooling == "mean" or family in ("Bert", "GPT2"))
                marks = () if quick else pytest.mark.long
                yield pytest.param(family, pooling, side, marks=marks)


@pytest.mark.sampled
@pytest.mark.parametrize(("family", "pooling", "side"), list(cases()))
def test_a_vector_does_not_depend_on_neighbours(build, texts, family, pooling, side):
    if family in CAUSAL and pooling == "cls_before_pooler":
        with pytest.raises(InputError):
            require_telling_apart(build(family, pooling, side))
        return
    encoder = build(family, pooling, side)
    expected = alone(encoder, texts)
    with Embedder(encoder) as embedder:
        for order in (range(len(texts)), [8, 1, 3, 0, 5, 2, 9, 7, 6, 4]):
            found = embedder.encode([texts[i] for i in order])
            np.testing.assert_allclose(found, expected[list(order)], atol=1e-5)
    assert encoder.tokenizer.padding_side == side  # left as it was
    rows, views = numbered({"text": text} for text in texts[1:]), (View(), View())
    features = Collator(encoder, views, 128, 0)(rows)["views"]
    with torch.no_grad():
        for view in embed(encoder, features, views):
            np.testing.assert_allclose(view, expected[1:], atol=1e-5)


@pytest.mark.sampled
@pytest.mark.parametrize("pooling", ["cls_before_pooler", "lasttoken"])
def test_a_folder_that_pads_on_the_left(tmp_path, texts, unlabelled, pooling):
    """Loaded, trained and saved, it gives one vector a text, in plain sentence-transformers too."""
    raw = tmp_path / "raw"
    shutil.copytree(bundled("mini"), raw, ignore=shutil.ignore_patterns("modules.json", "1_*"))
    config = json.loads((raw / "tokenizer_config.json").read_text())
    (raw / "tokenizer_config.json").write_text(json.dumps({**config, "padding_side": "left"}))
    encoder = build_encoder(raw, pooling=pooling, device="cpu")
    right = build_encoder("mini", pooling=pooling, device="cpu")
    np.testing.assert_allclose(encoder.encode(texts), alone(right, texts), atol=1e-5)
    train(simcse_unsup(encoder), unlabelled, tmp_path / "run", Settings(8, 1e-3, 1, max_steps=2))
    saved = SentenceTransformer(str(tmp_path / "run"), device="cpu")
    expected = alone(saved, texts)
    np.testing.assert_allclose(saved.encode(texts), expected, atol=1e-5)
    with Embedder(load_encoder(tmp_path / "run")) as embedder:
        np.testing.assert_allclose(embedder.encode(texts), expected, atol=1e-5)
    tokenizer, _, _ = load_classifier(raw, num_labels=2)
    assert tokenizer.padding_side == "right"


@pytest.mark.sampled
@pytest.mark.parametrize("family", CAUSAL)
def test_the_first_token_of_a_causal_model_is_refused_before_anything_is_written(
    build, tmp_path, unlabelled, sentemb, family
):
    encoder = build(family, "cls_before_pooler", "right")
    with pytest.raises(InputError, match=r"pooling cls .*same vector.* mean or lasttoken"):
        train(simcse_unsup(encoder), unlabelled, tmp_path / "run", Settings(8, 1e-3, 1))
    assert not (tmp_path / "run").exists()
    encoder.save_pretrained(str(tmp_path / "model"))
    (tmp_path / "a.txt").write_text("a cat\na dog\n")
    process = sentemb("encode", "a.txt", "--model", "model")
    assert process.returncode == 3
    assert b"pooling mean or lasttoken" in process.stderr
    works = build(family, "lasttoken", "right")
    works[0].auto_model.config.attn_pdrop = 0.1
    train(simcse_unsup(works), unlabelled, tmp_path / "run", Settings(8, 1e-3, 1, max_steps=1))
    loaded = SentenceTransformer(str(tmp_path / "run"), device="cpu")
    assert loaded[1].pooling_mode == "lasttoken"
    require_telling_apart(loaded)


def test_weights_that_see_no_text_are_warned_about(mini, caplog):
    broken = copy.deepcopy(mini)
    with torch.no_grad():
        broken[0].auto_model.embeddings.word_embeddings.weight.zero_()
    require_telling_apart(broken)
    assert "BertModel has collapsed" in caplog.text
