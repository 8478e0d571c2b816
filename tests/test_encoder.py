"""`sentemb.load`: the vectors of sentence-transformers, by the fast path, in any amount."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb import build_encoder
from sentemb.bundled import bundled
from sentemb.encoder import Encoder, load
from sentemb.errors import InputError, UsageError
from sentemb.inference.torch_only import PlainEncoder

CLOSE = {"atol": 1e-5, "rtol": 0}


@pytest.fixture(scope="module")
def texts():
    return ["", "a", *bundled("sentences.txt").read_text().splitlines()[:40], "a"]


@pytest.fixture(scope="module")
def stock():
    return SentenceTransformer(str(bundled("mini-sentemb")), device="cpu")


@pytest.mark.parametrize("given", ["name", "folder", "object"])
def test_vectors_are_those_of_sentence_transformers(given, texts, stock):
    model = {"name": "mini-sentemb", "folder": bundled("mini-sentemb"), "object": stock}[given]
    encoder = load(model)
    found = encoder.encode(texts)
    assert (found.dtype, found.shape) == (np.float32, (len(texts), encoder.dim))
    np.testing.assert_allclose(found, stock.encode(texts), **CLOSE)
    np.testing.assert_allclose(encoder.encode(texts), found, atol=1e-6)  # the second call too
    assert load(encoder) is encoder


def test_one_text_none_and_more_than_a_window(texts, stock, monkeypatch):
    encoder = load("mini-sentemb")
    np.testing.assert_allclose(encoder.encode(texts[3]), stock.encode(texts[3]), **CLOSE)
    assert encoder.encode([]).shape == (0, 96)
    monkeypatch.setattr("sentemb.encoder.WINDOW", 7)
    np.testing.assert_allclose(encoder.encode(tuple(texts)), stock.encode(texts), **CLOSE)


@pytest.mark.sampled
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("plain", [True, False])
def test_prompts_and_unit_length(plain, include, texts, tmp_path):
    other = build_encoder("mini", device="cpu")
    other[1].include_prompt = include
    other.save_pretrained(str(tmp_path / "model"))
    encoder = load(tmp_path / "model") if plain else load(other)
    assert isinstance(encoder._encoder, PlainEncoder) == (plain and include)
    expected = other.encode(texts, prompt="query: ", normalize_embeddings=True)
    np.testing.assert_allclose(
        encoder.encode(texts, prompt="query: ", normalize=True), expected, **CLOSE
    )
    other.prompts, other.default_prompt_name = {"query": "find this: "}, "query"
    for prompt in (None, "", "query: "):
        np.testing.assert_allclose(
            load(other).encode(texts, prompt=prompt), other.encode(texts, prompt=prompt), **CLOSE
        )


def test_what_it_shows_and_what_it_refuses():
    encoder = load("mini-sentemb")
    shown = repr(encoder)
    assert shown.startswith("Encoder('mini-sentemb', dim=96, max_length=")
    assert shown.endswith("device='cpu')")
    with pytest.raises(InputError, match=r"texts\[1\] is 3"):
        encoder.encode(["a", 3])
    with pytest.raises(UsageError, match="precision must be one of"):
        encoder.encode(["a"], precision="fp8")


def test_progress_is_shown_where_it_is_asked_for(capsys):
    load("mini-sentemb").encode(["a", "b"])
    assert "texts" not in capsys.readouterr().err
    load("mini-sentemb").encode(["a", "b"], progress=True)
    assert "/2 texts" in capsys.readouterr().err


def test_a_saved_model_is_a_plain_one(texts, stock, tmp_path):
    encoder = load("mini-sentemb")
    encoder.save(tmp_path / "mine")
    again = SentenceTransformer(str(tmp_path / "mine"), device="cpu")
    np.testing.assert_allclose(again.encode(texts), stock.encode(texts), **CLOSE)
    assert isinstance(encoder.as_sentence_transformer(), SentenceTransformer)
    np.testing.assert_allclose(encoder.encode(texts), stock.encode(texts), **CLOSE)
    with pytest.raises(UsageError, match="is not empty"):
        encoder.save(tmp_path / "mine")


def test_a_model_that_is_loaded_again_stays_on_its_gpu(monkeypatch):
    encoder, places = load("mini-sentemb"), []
    monkeypatch.setattr(PlainEncoder, "device", torch.device("cuda:1"))
    monkeypatch.setattr("sentemb.encoder.build_encoder", lambda _, device: places.append(device))
    encoder.as_sentence_transformer()
    assert places == ["cuda:1"]


def test_a_file_is_encoded_as_the_command_does(texts, stock, tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(texts) + "\n")
    encoder = load("mini-sentemb")
    summary = encoder.encode_file(tmp_path / "a.txt")
    assert summary.rows == len(texts)
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), stock.encode(texts), **CLOSE)
    with pytest.raises(UsageError, match="exists"):
        encoder.encode_file(tmp_path / "a.txt")
    encoder.encode_file([*texts], tmp_path / "b.npy", empty="nan")
    assert np.isnan(np.load(tmp_path / "b.npy")[0]).all()
    with pytest.raises(UsageError, match="Rows in memory need an output"):
        encoder.encode_file(texts)


def test_the_hub_is_sentence_transformers_own(monkeypatch):
    given = []
    monkeypatch.setattr(
        SentenceTransformer, "push_to_hub", lambda self, *a, **k: given.append((a, k)) or "url"
    )
    assert load("mini-sentemb").push_to_hub("me/mine", private=True) == "url"
    assert given == [(("me/mine",), {"private": True})]


@pytest.mark.wide
def test_nothing_heavy_is_imported_where_torch_alone_will_do():
    code = (
        "import sys; from sentemb.encoder import load; load('mini-sentemb').encode(['a', 'b']); "
        "heavy = {'transformers', 'sentence_transformers', 'datasets', 'pandas', 'sklearn'}; "
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_class_can_be_made_of_any_model(stock):
    assert Encoder(stock, "mine").name == "mine"
