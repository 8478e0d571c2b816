"""Retrieval against a plain implementation, on made-up and on real collections."""

import math
from dataclasses import replace

import numpy as np
import pytest

from sentemb import build_encoder
from sentemb.datasets.retrieval import read_retrieval
from sentemb.errors import InputError
from sentemb.evaluation import Retrieval


def plain(task, encode):
    """The definitions in loops and float64; of equal documents the first in the corpus first."""
    documents = list(task.corpus)
    texts = list(task.corpus.values())
    encoded = np.float64(encode(texts))
    vectors = {text: v / np.linalg.norm(v) for text, v in zip(texts, encoded, strict=True)}
    ndcg, mrr, recall = [], [], {10: [], 100: []}
    for query, text in task.queries.items():
        relevant = {d: g for d, g in task.relevant.get(query, {}).items() if g > 0}
        if not relevant:
            continue
        (asked,) = np.float64(encode([text]))
        cosines = [float(vectors[task.corpus[d]] @ asked) for d in documents]
        ranked = [documents[i] for i in sorted(range(len(documents)), key=lambda i: -cosines[i])]
        gained = sum(relevant.get(d, 0) / math.log2(r + 2) for r, d in enumerate(ranked[:10]))
        best = sorted(relevant.values(), reverse=True)[:10]
        ndcg.append(gained / sum(g / math.log2(r + 2) for r, g in enumerate(best)))
        ranks = [r for r, d in enumerate(ranked[:10], start=1) if d in relevant]
        mrr.append(1 / ranks[0] if ranks else 0)
        for k, values in recall.items():
            values.append(len(set(ranked[:k]) & set(relevant)) / len(relevant))
    found = {"ndcg@10": ndcg, "mrr@10": mrr, "recall@10": recall[10], "recall@100": recall[100]}
    return {name: 100 * float(np.mean(values)) for name, values in found.items()}


@pytest.mark.sampled
@pytest.mark.parametrize("name", ["retrieval/cisi", "retrieval/trecqa/dev.csv"])
def test_real_collections_give_the_numbers_of_a_plain_implementation(shared, name):
    path = shared(name)
    encoder = build_encoder("mini-sentemb", device="cpu")
    task = read_retrieval(path)
    known = {}

    def encode(texts):
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, encoder.encode(missing), strict=True))
        return np.stack([known[text] for text in texts])

    outcome = task.outcome(encode)
    assert outcome.numbers == pytest.approx(plain(task, encode), abs=1e-6)
    assert outcome.score(outcome.items) == pytest.approx(outcome.numbers["ndcg@10"])
    assert len(outcome.items) == {"retrieval/cisi": 76, "retrieval/trecqa/dev.csv": 78}[name]


def test_grades_ties_and_a_query_without_a_relevant_document():
    vectors = {"q": [1, 0], "none": [0, 1], "a": [1, 0], "b": [1, 0], "c": [0, 1]}
    task = Retrieval(
        "t", {"1": "q", "2": "none"}, {"x": "a", "y": "b", "z": "c"}, {"1": {"y": 1, "z": 2}}
    )
    result = task(lambda texts: np.float32([vectors[text] for text in texts]))
    gained = 1 / math.log2(3) + 2 / math.log2(4)
    assert result["ndcg@10"] == pytest.approx(100 * gained / (2 + 1 / math.log2(3)))
    assert result["mrr@10"] == 50
    assert result["recall@10"] == 100


@pytest.fixture
def beir(tmp_path):
    """A folder in BEIR's form, of which a test replaces files."""
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d1", "title": "T", "text": "one"}\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "first"}\n')
    (tmp_path / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    return tmp_path


def test_title_and_text_are_one_document(beir):
    assert read_retrieval(beir).corpus == {"d1": "T one"}


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("qrels/test.tsv", "q1\td8\t1\nq1\td9\t1\n", "row 2: no document has the id 'd8'"),
        ("qrels/test.tsv", "q7\td1\t1\n", "row 2: no query has the id 'q7'"),
        ("qrels/test.tsv", "q1\td1\tyes\n", "row 2: 'yes' is not a grade"),
        ("qrels/test.tsv", "q1\td1\t0\n", "no query has a relevant document"),
        ("corpus.jsonl", "", "no document has the id 'd1'; there are 0"),
        ("corpus.jsonl", '{"_id": "d1"}\n{"_id": "d1"}\n', "row 2: _id 'd1' occurs twice"),
        ("queries.jsonl", '{"text": "x"}\n', "row 1 has no _id"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_with_the_row(beir, file, content, message):
    header = "query-id\tcorpus-id\tscore\n" if file.endswith("tsv") else ""
    (beir / file).write_text(header + content)
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        read_retrieval(beir)


def test_an_empty_corpus_is_an_error():
    with pytest.raises(InputError, match="the corpus is empty"):
        Retrieval("t", {"1": "q"}, {}, {})


def test_a_folder_without_corpus_says_what_belongs_there(beir):
    (beir / "corpus.jsonl").unlink()
    with pytest.raises(InputError, match=r"has no corpus.jsonl; a folder in BEIR's form"):
        read_retrieval(beir)


def test_documents_of_one_text_keep_the_order_of_the_corpus():
    """Whatever a product of matrices rounds: in float32 it depends on the place in the block."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        count, dim = int(rng.integers(5, 60)), int(rng.integers(3, 400))
        vectors = rng.normal(size=(count, dim)).astype(np.float32)
        texts = rng.integers(count, size=3 * count)
        corpus = {f"d{i}": f"{text}" for i, text in enumerate(texts)}
        queries = {f"q{i}": f"{i}" for i in range(5)}
        relevant = {query: {f"d{3 * count - 1}": 1.0} for query in queries}

        def encode(asked, vectors=vectors):
            return np.stack([vectors[int(text)] for text in asked])

        task = Retrieval("t", queries, corpus, relevant)
        outcome = task.outcome(encode)
        asked = vectors[:5].astype(np.float64)
        for row, query in enumerate(asked):
            cosines = vectors[texts] @ query / np.linalg.norm(vectors[texts], axis=1)
            rank = 1 + int((cosines[:-1] > cosines[-1] + 1e-9).sum())
            rank += int((texts[:-1] == texts[-1]).sum())  # those of its text, all before it
            found = outcome.items[row, list(outcome.numbers).index("mrr@10")]
            assert found == pytest.approx(1 / rank if rank <= 10 else 0.0)


def test_equal_texts_have_one_vector_and_equal_vectors_one_score():
    """An encoder may round a text by its batch: it is asked once; of two texts the first wins."""
    asked = []

    def encode(texts):
        asked.append(list(texts))
        return np.float32([[1, len(asked)] if text != "c" else [0, 1] for text in texts])

    task = Retrieval("t", {"q": "a"}, {"x": "a", "y": "b", "z": "a", "w": "c"}, {"q": {"z": 1}})
    assert task(encode)["mrr@10"] == pytest.approx(100 / 3)
    assert asked == [["a", "b", "c"], ["a"]]


QUERIES = {"1": "an argument", "2": "another one", "3": "a third"}
ARGUMENTS = QUERIES | {"4": "counter of 1", "5": "counter of 2", "6": "counter of 3"}
COUNTERS = {"1": {"4": 1.0}, "2": {"5": 1.0}, "3": {"6": 1.0}}


def of_arguments(texts):
    """A text is nearest to itself, then to its counter."""
    names = list(ARGUMENTS.values())
    return np.float32([np.eye(3)[names.index(t) % 3] + 0.1 * (names.index(t) > 2) for t in texts])


def test_a_document_that_is_the_query_is_not_ranked():
    """As in ArguAna and Quora, by BEIR's protocol; the option forces either."""
    task = Retrieval("t", QUERIES, ARGUMENTS, COUNTERS)
    assert task.own_documents() == ["1", "2", "3"]
    assert task(of_arguments)["ndcg@10"] == pytest.approx(100)
    assert "for 3 of 3 queries the document of the query's id is not ranked" in task.note()
    kept = replace(task, not_ranked=())
    assert kept(of_arguments)["ndcg@10"] == pytest.approx(100 / math.log2(3))
    assert "ids of both a query and a document, which is ranked: 3" in kept.note()


def test_ids_that_merely_count_alike_drop_nothing():
    """As in CISI; and of a mixed set only those that are the query."""
    task = Retrieval("t", QUERIES, {**ARGUMENTS, "1": "something else"}, COUNTERS)
    assert task.own_documents() == ["2", "3"]
    forced = replace(task, not_ranked=frozenset(QUERIES))
    assert forced.own_documents() == ["1", "2", "3"]


def test_a_title_does_not_hide_that_a_document_is_the_query(beir):
    (beir / "corpus.jsonl").write_text(
        '{"_id": "q1", "title": "T", "text": "the  first"}\n{"_id": "d1", "text": "one"}\n'
    )
    (beir / "queries.jsonl").write_text('{"_id": "q1", "text": "the first"}\n')
    task = read_retrieval(beir)
    assert task.own_documents() == ["q1"]
    assert task(lambda texts: np.ones((len(texts), 2)))["mrr@10"] == 100


def test_a_hundred_documents_are_looked_at_beside_the_query_itself():
    corpus = {"q": "q"} | {f"d{i}": f"d{i}" for i in range(120)}
    task = Retrieval("t", {"q": "q"}, corpus, {"q": {"d99": 1.0, "d100": 1.0}})
    assert task(lambda texts: np.ones((len(texts), 2)))["recall@100"] == 50


def test_judged_documents_that_are_not_there_are_counted_and_never_found(beir):
    qrels = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td9\t1\nq1\td8\t0\n"
    (beir / "qrels/test.tsv").write_text(qrels)
    task = read_retrieval(beir)
    assert task.unknown == 2
    assert "judgements of documents that the corpus lacks: 2" in task.note()
    numbers = task(lambda texts: np.ones((len(texts), 2)))
    assert numbers["recall@10"] == 50
    assert numbers["ndcg@10"] == pytest.approx(100 / (1 + 1 / math.log2(3)))


def test_cisi_ranks_the_documents_of_the_queries_ids(shared):
    task = read_retrieval(shared("retrieval/cisi"))
    assert task.own_documents() == []
    assert task.unknown == 0
