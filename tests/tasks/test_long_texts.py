"""An index of chunks: rows are documents, found by their best chunk or by the mean of all."""

import json
from pathlib import Path

import numpy as np
import pytest

import sentemb
from sentemb.encoder import load
from sentemb.errors import InputError, UsageError
from sentemb.tasks.index_files import Index

CHUNK = "tokens=12,overlap=3"
ROWS = [
    {"id": n, "text": " ".join(words * n)}
    for n, words in enumerate(
        [
            ["a cat sleeps on the red sofa"],
            ["the stock market fell on monday", "and rain came"],
            ["a dog barks at night", "a cat sleeps on the red sofa"],
        ],
        start=3,
    )
]


def chunks(chunk, tmp_path):
    path = tmp_path / f"{chunk.count(',')}.jsonl"
    how = {"chunk": chunk, "normalize": True, "keep_columns": True, "overwrite": True}
    load("mini-sentemb").encode_file(ROWS, path, **how)
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("chunk", [CHUNK, f"{CHUNK},late"])
def test_documents_are_found_by_their_best_chunk_or_their_mean(chunk, tmp_path):
    rows = chunks(chunk, tmp_path)
    vectors = np.array([row["embedding"] for row in rows], np.float32)
    query = load("mini-sentemb").encode("a pet", normalize=True)
    made = sentemb.index(ROWS, tmp_path / "a.index", chunk=chunk)
    np.testing.assert_allclose(made.vectors, vectors, atol=1e-6)
    assert repr(made).startswith(f"Index(3 rows in {len(rows)} chunks")
    assert made.rows.column("document").to_pylist() == [row["row"] for row in rows]
    documents = np.array([row["row"] for row in rows])
    best = {n: (vectors[documents == n] @ query).max() for n in (1, 2, 3)}
    tokens = np.array([row["tokens"] for row in rows], np.float32)[:, None]
    means = {n: (vectors * tokens)[documents == n].sum(axis=0) for n in (1, 2, 3)}
    means = {n: mean @ query / np.linalg.norm(mean) for n, mean in means.items()}
    for how, expected in ({}, best), ({"document_score": "mean"}, means):
        hits = sentemb.search("a pet", tmp_path / "a.index", **how)["hits"]
        assert {h["document"]: h["score"] for h in hits} == pytest.approx(expected, abs=1e-5)
        scores = [hit["score"] for hit in hits]
        assert scores == sorted(scores, reverse=True)
        for hit in hits:
            row = ROWS[hit["document"] - 1]
            assert row["text"][hit["start"] : hit["end"]] == hit["text"]
            assert row["id"] == hit["id"]
            here = np.flatnonzero(documents == hit["document"])
            assert hit["text"] == rows[here[(vectors[here] @ query).argmax()]]["text"]
    few = sentemb.search("a pet", tmp_path / "a.index", 1, document_score="mean")["hits"]
    assert few[0]["document"] == max(means, key=means.get)
    some = {"where": "id != 3", "document_score": "mean"}
    assert len(sentemb.search("a pet", tmp_path / "a.index", **some)["hits"]) == 2


def test_more_rows_are_cut_in_the_same_way(tmp_path):
    made = sentemb.index(ROWS, tmp_path / "a.index", chunk=CHUNK)
    same = sentemb.index(ROWS, tmp_path / "a.index")
    assert (same.chunk, len(same.rows)) == (CHUNK, len(made.rows))
    both = sentemb.index([{"id": 9, "text": "a b c"}], tmp_path / "a.index", add=True)
    assert both.rows.column("document").to_pylist()[-1] == 4
    assert both.documents == Index.open(tmp_path / "a.index").documents == 4
    assert [path.name for path in tmp_path.iterdir()] == ["a.index"]
    with pytest.raises(UsageError, match="made with chunk 'tokens=12,overlap=3'; got 'tokens=9'"):
        sentemb.index(ROWS, tmp_path / "a.index", chunk="tokens=9")


def test_an_interrupted_index_encodes_nothing_twice(tmp_path, monkeypatch):
    class PulledPlugError(Exception):
        pass

    def pulled(*_):
        raise PulledPlugError

    with monkeypatch.context() as patch:
        patch.setattr("sentemb.tasks.index._with_first_pass", pulled)
        with pytest.raises(PulledPlugError):
            sentemb.index(ROWS, tmp_path / "a.index", chunk=CHUNK)
    monkeypatch.setattr("sentemb.encoder.Encoder.encode_file", None)
    assert len(sentemb.index(ROWS, tmp_path / "a.index", chunk=CHUNK).rows) > 3


def test_parts_of_a_column_have_a_mean_too():
    texts = [{"page": n // 2, "text": row} for n, row in enumerate("abcdef")]
    vectors = load("mini-sentemb").encode(list("abcdef"), normalize=True)
    query = load("mini-sentemb").encode("c", normalize=True)
    hits = sentemb.search("c", texts, 3, document="page", document_score="mean")["hits"]
    for hit in hits:
        mean = vectors[2 * hit["page"] : 2 * hit["page"] + 2].sum(axis=0)
        assert hit["score"] == pytest.approx(mean @ query / np.linalg.norm(mean), abs=1e-5)


def test_the_table_is_the_one_that_was_measured():
    root = Path(__file__).parents[2]
    measured = (root / "benchmarks/results/long_texts.md").read_text("utf-8").splitlines()
    page = (root / "docs/long_texts.md").read_text("utf-8").partition("## Measured")[2]
    shown = [line for line in page.splitlines() if line.startswith("|")]
    assert len(shown) > 10
    assert set(shown) <= set(measured)


def test_what_cannot_be_asked_for(tmp_path):
    with pytest.raises(UsageError, match="has no meaning without `document`"):
        sentemb.search("a", ["a", "b"], document_score="mean")
    with pytest.raises(UsageError, match="has no meaning beside `hybrid`"):
        sentemb.search("a", ROWS, document="id", document_score="mean", hybrid=True)
    with pytest.raises(UsageError, match="document_score must be one of max, mean"):
        sentemb.search("a", ROWS, document="id", document_score="sum")
    with pytest.raises(InputError, match="has a column 'start', as chunks have"):
        sentemb.index([{"text": "a", "start": 1}], tmp_path / "a", chunk=CHUNK)
    with pytest.raises(UsageError, match="has vectors of whole ones"):
        sentemb.index(["a"], tmp_path / "a", vectors=np.ones((1, 96), np.float32), chunk=CHUNK)
    assert not list(tmp_path.iterdir())
