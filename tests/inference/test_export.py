"""Exports: static vectors against a computation of our own, 8-bit vectors against the encoder's."""

import json
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from transformers import AutoModel, AutoTokenizer

from sentemb import load, read_sts, train
from sentemb.bundled import bundled
from sentemb.encoding import encode_file
from sentemb.errors import InputError, NumericError, UsageError
from sentemb.inference.export import export_int8, export_static
from sentemb.inference.int8 import MODEL, Int8Encoder
from sentemb.inference.quantise import quantise
from sentemb.inference.static import distil, real_tokens
from sentemb.inference.static_encoder import StaticEncoder
from sentemb.inference.torch_only import load_encoder

TEXTS = ["A man is playing the guitar.", "the the the cat", "", "☃ unheard-of words: zyxwv"]


@pytest.fixture(scope="module")
def graded():
    return read_sts(bundled("formats/graded.tsv"))


@pytest.fixture(scope="module")
def static(tmp_path_factory, graded):
    folder = tmp_path_factory.mktemp("exports") / "static"
    return folder, export_static("mini-sentemb", folder, graded, dim=64)


@pytest.fixture(scope="module")
def int8(tmp_path_factory, graded):
    for module in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(module, reason="the extra int8 is not installed")
    folder = tmp_path_factory.mktemp("exports") / "int8"
    return folder, export_int8("mini", folder, graded)


def by_hand(dim, texts):
    """One token at a time through transformers, principal components by SVD, weights in a loop."""
    tokenizer = AutoTokenizer.from_pretrained(bundled("mini"))
    model = AutoModel.from_pretrained(bundled("mini"), add_pooling_layer=False).eval()
    tokens = [i for i in range(len(tokenizer)) if i not in tokenizer.all_special_ids]
    with torch.inference_mode():
        single = [
            model(input_ids=torch.tensor([[2, i, 3] for i in tokens[start : start + 512]]))
            for start in range(0, len(tokens), 512)
        ]
    rows = np.concatenate([out.last_hidden_state.mean(1).double().numpy() for out in single])
    centred = rows - rows.mean(0)
    _, singular, right = np.linalg.svd(centred, full_matrices=False)
    reduced = centred @ right[:dim].T
    counts = Counter(
        i for text in texts or [] for i in tokenizer(text, add_special_tokens=False)["input_ids"]
    )
    known = sum(count for token, count in counts.items() if token in set(tokens))
    ranks = sum(1 / rank for rank in range(1, len(tokens) + 1))
    vectors, a = np.zeros((len(tokenizer), dim)), 0.001 if texts else 0.0001
    for rank, token in enumerate(tokens, start=1):
        p = (counts[token] + 1) / (known + len(tokens)) if texts else 1 / rank / ranks
        vectors[token] = a / (a + p) * reduced[rank - 1]
    return vectors, (singular[:dim] ** 2).sum() / (singular**2).sum()


@pytest.mark.sampled
@pytest.mark.parametrize("texts", [None, TEXTS])
def test_static_vectors_are_those_computed_by_hand(mini, texts):
    made = distil(mini, 16, texts)
    expected, variance = by_hand(16, texts)
    signs = np.sign((made.vectors * expected).sum(0))  # a component has no direction
    np.testing.assert_allclose(made.vectors * signs, expected, atol=1e-4)
    assert made.vectors.dtype == np.float32
    assert made.variance == pytest.approx(variance)


def test_a_static_folder_is_a_plain_sentence_transformer(mini, tmp_path):
    made = distil(mini, 16)
    made.save(tmp_path / "static")
    plain = SentenceTransformer(str(tmp_path / "static"), device="cpu")
    assert [type(module).__name__ for module in plain] == ["StaticEmbedding"]
    tokenizer = AutoTokenizer.from_pretrained(bundled("mini"))
    for text, vector in zip(TEXTS, plain.encode(TEXTS), strict=True):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        expected = made.vectors[ids].mean(0) if ids else np.zeros(16)
        np.testing.assert_allclose(vector, expected, atol=1e-6)
    assert plain.tokenizer.encode("A man").tokens == ["a", "man"]


def test_special_and_unused_tokens_have_the_zero_vector(mini):
    vectors = distil(mini, 16).vectors
    assert not vectors[mini.tokenizer.all_special_ids].any()
    assert vectors.any(axis=1).sum() == len(vectors) - 5
    names = {"[PAD]": 0, "[unused0]": 1, "[unused99]": 2, "[UNK]": 3, "unused1": 4, "##s": 5}
    tokenizer = Tokenizer(WordPiece(names))
    tokenizer.add_special_tokens(["[PAD]", "[UNK]"])
    assert real_tokens(tokenizer) == [4, 5]


@pytest.mark.parametrize("family", ["Roberta", "ModernBert", "T5"])
def test_with_all_components_distances_are_those_of_the_encoder(build_tiny, family):
    encoder = build_tiny(family)
    made = distil(encoder, dim=0, smoothing=1e9)  # all weights are 1
    words = ["guitar", "man", "the", "and"]
    found = made.vectors[[encoder.tokenizer.convert_tokens_to_ids(word) for word in words]]
    expected = encoder.encode(words)
    apart = [np.linalg.norm(x[:, None] - x, axis=2) for x in (found, expected)]
    assert apart[1][0, 1] > 0
    np.testing.assert_allclose(*apart, rtol=1e-3, atol=1e-4)


def test_padding_and_truncation_of_the_tokenizer_have_no_part(mini):
    expected = distil(mini, 16).vectors
    mini.tokenizer.backend_tokenizer.enable_padding(length=20)
    mini.tokenizer.backend_tokenizer.enable_truncation(20)
    mini.train()
    made = distil(mini, 16)
    np.testing.assert_array_equal(made.vectors, expected)
    assert len(made.tokenizer.encode("man " * 50).ids) == 50
    assert mini.training


def test_dimensions_are_those_there_are(mini):
    assert distil(mini).vectors.shape == (8192, 96)
    assert distil(mini, 0).variance == pytest.approx(1)
    with pytest.raises(UsageError, match=r"dim must be 0 \(keep all\) or from 1 to 96.*got 97"):
        distil(mini, 97)


def test_what_cannot_be_distilled(mini, tmp_path):
    with pytest.raises(InputError, match="no token of the encoder"):
        distil(mini, 16, ["", "  "])
    with pytest.raises(InputError, match="static already"):
        distil(distil(mini, 16).save(tmp_path))
    mini[0].auto_model.embeddings.word_embeddings.weight.data[77] = float("nan")
    with pytest.raises(NumericError, match="no finite embedding"):
        distil(mini, 16)


def test_the_record_and_the_card_of_a_static_model(static, graded):
    folder, record = static
    assert json.loads((folder / "export.json").read_text()) == {
        "schema": "sentemb.export/1",
        **record,
    }
    assert record["pairs"] == len(graded.scores)
    assert record["after"]["dim"] == record["how"]["dim"] == 64
    assert record["after"]["megabytes"] == pytest.approx(8192 * 64 * 4 / 1e6, rel=0.01)
    for side, model in (("before", bundled("mini-sentemb")), ("after", folder)):
        encoder = SentenceTransformer(str(model), device="cpu")
        assert record[side]["spearman"] == pytest.approx(graded(encoder.encode)["spearman"], 1e-3)
        assert record[side]["sentences_per_second"] > 0
    card = (folder / "README.md").read_text()
    assert f"| {record['before']['spearman']:.2f} | {record['after']['spearman']:.2f} |" in card
    for part in ('SentenceTransformer("static")', "p by Zipf's law", "scikit-learn", "Model2Vec"):
        assert part in card
    assert [path.name for path in folder.parent.iterdir()] == ["static"]


def test_a_folder_is_there_when_all_of_it_is(tmp_path, graded):
    class Broken:
        name, sentences1, sentences2 = graded.name, graded.sentences1, graded.sentences2

        def __call__(self, encode):
            raise NumericError("no")

    with pytest.raises(NumericError):
        export_static("mini", tmp_path / "new" / "static", Broken(), dim=8)
    assert list(tmp_path.rglob("*")) == [tmp_path / "new"]


def test_only_an_export_is_replaced(tmp_path, graded):
    folder = tmp_path / "static"
    folder.mkdir()
    export_static("mini", folder, graded, dim=8)
    (folder / "note.txt").write_text("of the earlier one")
    with pytest.raises(UsageError, match="not empty"):
        export_static("mini", folder, graded, dim=8)
    export_static("mini", folder, graded, dim=8, texts=("two", TEXTS), overwrite=True)
    assert (folder / "note.txt").read_text() == "of the earlier one"
    assert "p by counts in two" in (folder / "README.md").read_text()
    (folder / "export.json").unlink()
    with pytest.raises(UsageError, match="holds no export of sentemb"):
        export_static("mini", folder, graded, dim=8, overwrite=True)
    assert list(tmp_path.iterdir()) == [folder]


def test_int8_vectors_are_near_the_encoders(int8, mini, sentences):
    folder, record = int8
    texts = ["", *sentences[:100], sentences[3], " ".join(sentences[:60])]
    encoder, expected = Int8Encoder(folder, threads=1), mini.encode(texts)
    found = encoder.encode(texts)
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    cosines = (found * expected).sum(1)
    cosines /= np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    assert cosines.mean() > 0.9
    assert cosines[1:].min() >= 0.99  # the first text is empty
    assert record["how"]["cosine"] > 0.9
    one_by_one = np.stack([encoder.encode([text])[0] for text in texts[:9]])
    np.testing.assert_allclose(one_by_one, found[:9], atol=0.1)
    assert record["after"]["megabytes"] < record["before"]["megabytes"] / 2


def test_an_int8_folder_is_encoded_with(int8, sentences, tmp_path):
    folder, texts = int8[0], sentences[:40]
    encode_file(load_encoder(folder), texts, tmp_path / "a.npy")
    expected = Int8Encoder(folder, threads=1).encode(texts)
    assert (np.load(tmp_path / "a.npy") == expected).all()
    assert (load(folder).encode(texts) == expected).all()
    with pytest.raises(UsageError, match="runs on the CPU; got 'cuda'"):
        load_encoder(folder, "cuda")


def test_a_static_folder_is_encoded_with_as_by_sentence_transformers(static, sentences, tmp_path):
    texts = ["", *sentences[:40], " "]
    encoder = load_encoder(static[0])
    assert isinstance(encoder, StaticEncoder)
    encode_file(encoder, texts, tmp_path / "a.npy")
    expected = SentenceTransformer(str(static[0]), device="cpu").encode(texts)
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), expected, atol=1e-7)
    assert not expected[0].any()


def test_a_fast_encoder_is_made_once(own_cache, sentences, caplog):
    caplog.set_level("INFO", "sentemb")
    first = load("mini", fast="static")
    assert "fast: static in place of mini: Spearman" in caplog.text
    made = sorted(own_cache.rglob("export.json"))
    written = made[0].stat().st_mtime_ns
    again = load("mini", fast="static")
    assert sorted(own_cache.rglob("export.json")) == made
    assert made[0].stat().st_mtime_ns == written
    texts = sentences[:5]
    plain = SentenceTransformer(str(made[0].parent), device="cpu").encode(texts)
    np.testing.assert_allclose(first.encode(texts), plain, atol=1e-7)
    np.testing.assert_allclose(again.encode(texts), plain, atol=1e-7)
    with pytest.raises(UsageError, match="fast must be one of static, int8; got 'statc'"):
        load("mini-sentemb", fast="statc")


def test_the_static_model_of_a_bundled_encoder_is_there(own_cache, sentences, caplog):
    caplog.set_level("INFO", "sentemb")
    fast, tiny = load("mini-sentemb", fast="static"), load("tiny")
    assert "fast: static in place of mini-sentemb: Spearman" in caplog.text
    np.testing.assert_array_equal(fast.encode(sentences[:5]), tiny.encode(sentences[:5]))
    assert not own_cache.exists()
    with pytest.raises(InputError, match="tiny"):
        train("simcse-unsup", sentences[:64], model="tiny", max_steps=1)


def test_an_int8_folder_says_what_it_is(int8):
    folder, record = int8
    assert json.loads((folder / "export.json").read_text())["kind"] == "int8"
    assert 'Int8Encoder("int8")' in (folder / "README.md").read_text()
    assert "does not load in `SentenceTransformer`" in (folder / "README.md").read_text()
    assert {"onnx", "onnxruntime"} <= record["versions"].keys()
    assert not [*folder.rglob("*.safetensors")]
    with pytest.raises(OSError, match="model"):  # no weights, and none made up
        SentenceTransformer(str(folder), device="cpu")


def test_what_cannot_be_int8(int8, tmp_path):
    with pytest.raises(InputError, match="holds no int8 model"):
        Int8Encoder(bundled("mini"))
    (tmp_path / "tokenizer.json").write_bytes((int8[0] / "tokenizer.json").read_bytes())
    (tmp_path / MODEL).write_bytes(b"no graph")
    with pytest.raises(InputError, match="holds no int8 model"):
        Int8Encoder(tmp_path)
    with pytest.raises(InputError, match="no text"):
        Int8Encoder(int8[0]).encode([])


@pytest.mark.long
def test_a_prompt_cannot_be_int8(mini, tmp_path):
    pytest.importorskip("onnxscript", reason="the extra int8 is not installed")
    mini.prompts, mini.default_prompt_name = {"query": "a search for "}, "query"
    with pytest.raises(InputError, match="such as a prompt"):
        quantise(mini, tmp_path)


def test_a_missing_extra_is_named(tmp_path, graded, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r'pip install "onnx'):
        export_int8("mini", tmp_path / "int8", graded)
    assert not list(tmp_path.iterdir())
