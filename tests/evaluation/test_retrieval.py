"""Retrieval against a plain implementation, on made-up and on real collections."""

import math

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
        ("qrels/test.tsv", "q1\td1\t1\nq1\td9\t1\n", "row 3: no document has the id 'd9'"),
        ("qrels/test.tsv", "q7\td1\t1\n", "row 2: no query has the id 'q7'"),
        ("qrels/test.tsv", "q1\td1\tyes\n", "row 2: 'yes' is no grade"),
        ("qrels/test.tsv", "q1\td1\t0\n", "no query has a relevant document"),
        ("corpus.jsonl", "", "no document has the id 'd1'; there are 0"),
        ("corpus.jsonl", '{"_id": "d1"}\n{"_id": "d1"}\n', "row 2: _id 'd1' stands there twice"),
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
