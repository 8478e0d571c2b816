"""Reranking: by the scores of a regression on pairs, a query's candidates together."""

import pytest
from datasets import Dataset

import sentemb
from sentemb.datasets.inputs import Inputs
from sentemb.errors import InputError, UsageError
from sentemb.finetuning.predict import predictions

ROWS = [
    {"query": "cats", "text": "A cat sleeps.", "score": 0.9, "rank": 1, "page": 1},
    {"query": "cats", "text": "A dog barks.", "score": 0.8, "rank": 2, "page": 2},
    {"query": "cats", "text": "A cat is asleep.", "score": 0.7, "rank": 3, "page": 1},
    {"query": "stocks", "text": "Shares fell.", "score": 0.6, "rank": 1, "page": 3},
]


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory):
    """Folders of a regression on pairs, and of a classifier."""
    folder = tmp_path_factory.mktemp("models")
    pairs = [(row["query"], row["text"], row["score"]) for row in ROWS] * 2
    for name, data, regression in (
        ("regression", pairs, True),
        ("classifier", [(one, other, str(mark > 0.75)) for one, other, mark in pairs], False),
    ):
        how = {"regression": regression, "max_steps": 1, "batch_size": 4}
        sentemb.finetune(data, data, folder / name, **how)
    return folder


@pytest.fixture(scope="module")
def scores(finetuned):
    texts = {name: [row[key] for row in ROWS] for name, key in
             (("sentence1", "query"), ("sentence2", "text"))}  # fmt: skip
    rows = predictions(finetuned / "regression", Inputs(Dataset.from_dict(texts))).rows
    return [row["score"] for row in rows]


def test_candidates_are_sorted_by_the_models_score(finetuned, scores):
    report = sentemb.rerank(ROWS, finetuned / "regression")
    wanted = sorted(range(3), key=lambda at: -scores[at])
    assert [row["text"] for row in report["rows"]] == [ROWS[at]["text"] for at in (*wanted, 3)]
    assert [row["score"] for row in report["rows"]] == [scores[at] for at in (*wanted, 3)]
    assert [row["rank"] for row in report["rows"]] == [1, 2, 3, 1]
    assert [row["rank_before"] for row in report["rows"]] == [wanted[0] + 1, wanted[1] + 1,
                                                              wanted[2] + 1, 1]  # fmt: skip
    assert [len(table) for table in report.tables] == [3, 1]


def test_a_document_has_the_score_of_its_best_chunk(finetuned, scores):
    report = sentemb.rerank(ROWS, finetuned / "regression", document="page")
    pages = {row["page"]: row["score"] for row in report["rows"]}
    assert pages == {1: max(scores[0], scores[2]), 2: scores[1], 3: scores[3]}


def test_hits_of_a_search_are_candidates(finetuned):
    found = sentemb.search(["cats", "stocks"], [row["text"] for row in ROWS])
    report = sentemb.rerank(found, finetuned / "regression", k=2)
    assert [(row["query"], row["rank"]) for row in report["rows"]] == [
        ("cats", 1), ("cats", 2), ("stocks", 1), ("stocks", 2)
    ]  # fmt: skip
    assert {"rank_before", "score_before", "count"} <= set(report["rows"][0])


def test_other_columns_can_be_named(finetuned):
    rows = [{"q": row["query"], "a": row["text"]} for row in ROWS]
    report = sentemb.rerank(rows, finetuned / "regression", columns=["q", "a"])
    assert len(report["rows"]) == 4


@pytest.mark.parametrize(
    ("rows", "given", "message"),
    [
        (ROWS, {"columns": ["query", "txt"]}, "has no column 'txt'"),
        (ROWS, {"document": "pag"}, "has no column 'pag'.*Did you mean 'page'"),
        ([{"query": "a", "text": " "}], {}, "row 1: column 'text' is blank"),
        (ROWS, {"k": 0}, "k must be at least 1"),
    ],
)
def test_what_cannot_be_reranked_is_refused(finetuned, rows, given, message):
    with pytest.raises((UsageError, InputError), match=message):
        sentemb.rerank(rows, finetuned / "regression", **given)


def test_a_classifier_and_an_encoder_are_refused(finetuned):
    with pytest.raises(UsageError, match="gives labels, and scores of pairs are needed"):
        sentemb.rerank(ROWS, finetuned / "classifier")
    with pytest.raises(InputError, match="has no classifier"):
        sentemb.rerank(ROWS, "mini-sentemb")
