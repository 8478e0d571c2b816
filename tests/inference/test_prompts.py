"""Prompts by name: the vectors of sentence-transformers, wherever they are asked for."""

import json
import logging
from functools import partial

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

import sentemb as library
from sentemb import build_encoder
from sentemb.bundled import bundled
from sentemb.datasets import as_sts
from sentemb.datasets.retrieval import read_retrieval
from sentemb.encoder import load
from sentemb.encoders.prompts import set_prompts
from sentemb.encoding import EncodeOptions, Shard, encode_file, merge, windows
from sentemb.errors import InputError, UsageError
from sentemb.inference.embedder import Embedder
from sentemb.inference.export import export_int8, export_static

CLOSE = {"atol": 1e-5, "rtol": 0}
PROMPTS = {"query": "a question: ", "passage": "an answer to it: "}
TEXTS = ["", "a", "two words", "some words, and then some more of them.", "a " * 200, "a"]
DOCUMENTS = ["A cat sleeps.", "Stocks fell on Monday.", "The dog barks.", "It rains in Spain."]


@pytest.fixture
def graded_pairs():
    return as_sts(bundled("graded.tsv"))


def prompted(pooling="mean", include=True):
    encoder = build_encoder("mini", pooling=pooling, device="cpu")
    encoder[1].include_prompt = include
    encoder.prompts = dict(PROMPTS)
    return encoder


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.sampled
@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("pooling", ["mean", "cls_before_pooler", "lasttoken"])
def test_vectors_of_a_named_prompt_without_padding(pooling, include):
    encoder = prompted(pooling, include)
    expected = encoder.encode(TEXTS, prompt_name="passage")
    assert abs(expected - encoder.encode(TEXTS)).max() > 0.01
    np.testing.assert_allclose(
        load(encoder).encode(TEXTS, prompt_name="passage"), expected, **CLOSE
    )
    encoder.default_prompt_name = "passage"
    with Embedder(encoder) as embedder:
        np.testing.assert_allclose(embedder.encode(TEXTS), expected, **CLOSE)
        assert embedder.takes_tokens
        assert embedder._same_without_padding


@pytest.mark.sampled
@pytest.mark.parametrize("include", [True, False])
def test_files_and_shards_hold_the_prompt(include, tmp_path, monkeypatch):
    monkeypatch.setattr(windows, "ROWS", 2)
    encoder = prompted(include=include)
    how = {"prompt_name": "query"}
    encode_file(encoder, TEXTS, tmp_path / "a.npy", EncodeOptions(**how))
    expected = encoder.encode(TEXTS, prompt_name="query")
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), expected, **CLOSE)
    encode_file(encoder, TEXTS, tmp_path / "t.npy", EncodeOptions(prompt="a question: "))
    np.testing.assert_allclose(np.load(tmp_path / "t.npy"), expected, **CLOSE)
    for number in (1, 2):
        encode_file(
            encoder, TEXTS, tmp_path / "b.npy", EncodeOptions(**how, shard=Shard(number, 2))
        )
    other = EncodeOptions(prompt_name="passage", shard=Shard(1, 2))
    with pytest.raises(UsageError, match="prompt_name 'query', now 'passage'"):
        encode_file(encoder, TEXTS, tmp_path / "b.npy", other)
    before = load(encoder).fingerprint
    encoder.prompts = PROMPTS | {"query": "another question: "}
    assert load(encoder).fingerprint != before
    with pytest.raises(UsageError, match="model '"):
        encode_file(encoder, TEXTS, tmp_path / "b.npy", EncodeOptions(**how, shard=Shard(1, 2)))
    merge(tmp_path / "b.npy")
    assert (tmp_path / "b.npy").read_bytes() == (tmp_path / "a.npy").read_bytes()


def test_an_empty_prompt_is_not_the_default(tmp_path):
    encoder = prompted()
    encoder.default_prompt_name = "query"
    encode_file(encoder, TEXTS, tmp_path / "a.npy", EncodeOptions(prompt=""))
    np.testing.assert_allclose(
        np.load(tmp_path / "a.npy"), encoder.encode(TEXTS, prompt=""), **CLOSE
    )


def test_names_that_there_are_not(tmp_path):
    encoder = prompted()
    known = "Unknown prompt 'querry'; allowed: query, passage. Did you mean 'query'?"
    for call in (
        lambda: load(encoder).encode(TEXTS, prompt_name="querry"),
        lambda: load(encoder).encode_file(TEXTS, tmp_path / "n" / "a.npy", prompt_name="querry"),
        lambda: library.search("a", DOCUMENTS, model=encoder, prompt_name="querry"),
        lambda: library.index(DOCUMENTS, tmp_path / "i", encoder, prompt_name="querry"),
        lambda: library.evaluate(encoder, prompt_name="querry"),
    ):
        with pytest.raises(UsageError) as raised:
            call()
        assert str(raised.value) == known
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="has no prompts, so none is called 'query'"):
        load("mini").encode(TEXTS, prompt_name="query")
    with pytest.raises(UsageError, match="both say what is put before texts"):
        load(encoder).encode(TEXTS, prompt_name="query", prompt="a: ")


def test_queries_and_passages_have_their_own(tmp_path):
    encoder = prompted(include=False)
    made = library.index(DOCUMENTS, tmp_path / "x.index", encoder)
    np.testing.assert_allclose(made.vectors, unit(encoder.encode_document(DOCUMENTS)), **CLOSE)
    assert (
        json.loads((tmp_path / "x.index" / "index.json").read_text())["prompt"]
        == (PROMPTS["passage"])
    )
    expected = unit(encoder.encode_query(["a pet"])) @ unit(encoder.encode_document(DOCUMENTS)).T
    for data in (tmp_path / "x.index", DOCUMENTS):
        hits = library.search("a pet", data, model=encoder)["hits"]
        found = {hit["text"]: hit["score"] for hit in hits}
        np.testing.assert_allclose([found[text] for text in DOCUMENTS], expected[0], **CLOSE)
    hits = library.search("a pet", DOCUMENTS, model=encoder, prompt_name="passage")["hits"]
    assert hits[0]["score"] != pytest.approx(expected[0].max(), abs=1e-4)
    with pytest.raises(
        UsageError, match="made with prompt 'an answer to it: '; got 'a question: '"
    ):
        library.index(["x"], tmp_path / "x.index", encoder, add=True, prompt_name="query")
    assert len(library.index(["x"], tmp_path / "x.index", encoder, add=True).rows) == 5


def test_evaluation_puts_them_too(tmp_path):
    encoder = prompted(include=False)
    rows = [
        {"qtext": f"what is {word}", "atext": text, "label": int(i == j)}
        for i, word in enumerate(["a cat", "a stock", "a dog", "rain"])
        for j, text in enumerate(DOCUMENTS)
    ]
    lines = ["qtext,atext,label", *(f"{r['qtext']},{r['atext']},{r['label']}" for r in rows)]
    (tmp_path / "q.csv").write_text("\n".join(lines) + "\n")
    task = read_retrieval(tmp_path / "q.csv")
    graded = [("a b", "b a", 5.0), ("a", "c d e", 1.0), ("x y", "z", 2.0), ("a b", "q", 0.0)]
    report = library.evaluate(
        encoder, retrieval=tmp_path / "q.csv", sts=graded, prompt_name="passage"
    )
    expected = task(encoder.encode_query, encoder.encode_document)
    found = next(n for n in report["results"].values() if "ndcg@10" in n)
    assert found["ndcg@10"] == pytest.approx(expected["ndcg@10"], abs=1e-3)
    assert expected != task(encoder.encode)
    prompted_sts = as_sts(graded)(partial(encoder.encode, prompt_name="passage"))
    found = next(n for n in report["results"].values() if "pearson" in n)
    assert found["pearson"] == pytest.approx(prompted_sts["pearson"], abs=1e-3)
    assert found["pearson"] != pytest.approx(as_sts(graded)(encoder.encode)["pearson"], abs=1e-3)


def test_training_leaves_prompts_out_where_asked(sentemb, tmp_path):
    given = ("train", "--method", "simcse-sup", "--max-steps", 1, "--batch-size", 8, "-o", "run")
    prompts = ("--prompt", "anchor=query: ", "--prompt", "positive=passage: ")
    process = sentemb(*given, *prompts, "--no-include-prompt")
    assert process.returncode == 0, process.stderr
    saved = SentenceTransformer(str(tmp_path / "run"), device="cpu")
    assert not saved[1].include_prompt
    assert saved.prompts["query"] == "query: "
    (tmp_path / "a.txt").write_text("\n".join(DOCUMENTS) + "\n")
    process = sentemb("encode", "a.txt", "--model", "run", "--prompt-name", "positive")
    assert process.returncode == 0, process.stderr
    expected = saved.encode(DOCUMENTS, prompt_name="positive")
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), expected, **CLOSE)
    process = sentemb(*given, "--overwrite", "--no-include-prompt")
    assert process.returncode == 2
    assert b"--include-prompt has no effect without a prompt: give --prompt." in process.stderr


def test_a_pooling_that_cannot_leave_a_prompt_out_says_so(mini):
    del mini[1].include_prompt
    with pytest.raises(UsageError, match="without a pooling that can leave one out"):
        set_prompts(mini, {"text": "a: "}, ["text"], include_prompt=False)


@pytest.mark.long
def test_a_static_export_says_that_it_has_none(graded_pairs, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "sentemb"):
        export_static(prompted(), tmp_path / "static", graded_pairs)
    assert "A static model has no prompts; left out: query, passage." in caplog.messages
    with pytest.raises(UsageError, match="has no prompts"):
        load(tmp_path / "static").encode(["a"], prompt_name="query")


@pytest.mark.long
def test_int8_has_the_prompts_that_it_can_have(graded_pairs, tmp_path):
    pytest.importorskip("onnxscript", reason="the extra int8 is not installed")
    encoder = prompted()
    export_int8(encoder, tmp_path / "int8", graded_pairs)
    found = load(tmp_path / "int8").encode(TEXTS[1:4], prompt_name="query", normalize=True)
    expected = unit(encoder.encode(TEXTS[1:4], prompt_name="query"))
    assert ((found * expected).sum(axis=1) > 0.98).all()
    with pytest.raises(InputError, match=r"leaves its prompts \(query, passage\) out"):
        export_int8(prompted(include=False), tmp_path / "other", graded_pairs)
