"""Search: the numbers of a plain product, counts, conditions, least scores, fusion."""

from pathlib import Path

import numpy as np
import pytest

import sentemb
from sentemb.errors import InputError, UsageError
from sentemb.tasks.vectors import embedded

ROWS = [
    {"text": "A cat sleeps.", "lang": "en"},
    {"text": "A dog barks loudly.", "lang": "en"},
    {"text": "Die Katze schläft.", "lang": "de"},
    {"text": "A cat sleeps.", "lang": "fr"},
    {"text": "Stocks fell on Monday.", "lang": "en"},
]


@pytest.fixture(scope="module")
def encoder():
    return sentemb.load("mini-sentemb")


@pytest.fixture(scope="module", params=["memory", "exact", "int8", "binary", "hnsw"])
def index(request, encoder, tmp_path_factory):
    if request.param == "memory":
        return ROWS
    if request.param == "hnsw":
        pytest.importorskip("usearch", reason="the search extra is not installed")
    path = tmp_path_factory.mktemp("index") / "a.index"
    sentemb.index(ROWS, path, encoder, method=request.param)
    return path


def test_hits_are_those_of_a_plain_product(index, encoder):
    queries = ["a tired pet", "the market"]
    report = sentemb.search(queries, index, model=encoder)
    texts = list(dict.fromkeys(row["text"] for row in ROWS))
    products = encoder.encode(queries, normalize=True) @ encoder.encode(texts, normalize=True).T
    for query, row in zip(queries, products, strict=True):
        hits = [hit for hit in report["hits"] if hit["query"] == query]
        order = np.argsort(-row, kind="stable")
        assert [hit["text"] for hit in hits] == [texts[place] for place in order]
        assert [hit["score"] for hit in hits] == pytest.approx(row[order], abs=1e-6)
        assert [hit["rank"] for hit in hits] == [1, 2, 3, 4]


def test_equal_texts_are_one_hit_with_a_count(index, encoder):
    hits = sentemb.search("A cat sleeps.", index, k=1, model=encoder)["hits"]
    assert [(hit["text"], hit["count"], hit["row"]) for hit in hits] == [("A cat sleeps.", 2, 1)]


def test_conditions_choose_rows(index, encoder):
    report = sentemb.search("A cat sleeps.", index, where="lang in ('fr', 'de')", model=encoder)
    found = {hit["text"]: (hit["count"], hit["row"], hit["lang"]) for hit in report["hits"]}
    assert found == {"A cat sleeps.": (1, 4, "fr"), "Die Katze schläft.": (1, 3, "de")}


def test_a_condition_that_no_row_meets_has_no_hit(index, encoder):
    report = sentemb.search("a", index, where="lang == 'xx'", model=encoder)
    assert report["hits"] == []
    assert "queries without a hit: 1 of 1" in repr(report)


def test_least_scores(index, encoder):
    hits = sentemb.search("A cat sleeps.", index, min_score=0.999, model=encoder)["hits"]
    assert [hit["text"] for hit in hits] == ["A cat sleeps."]


def test_words_count_too(index, encoder):
    pytest.importorskip("bm25s", reason="the search extra is not installed")
    report = sentemb.search("stocks", index, k=3, hybrid=True, model=encoder)
    plain = [hit["text"] for hit in sentemb.search("stocks", index, model=encoder)["hits"]]
    place = plain.index("Stocks fell on Monday.")
    best = report["hits"][0]
    assert best["text"] == "Stocks fell on Monday."
    assert best["score"] == pytest.approx(1 / 61 + 1 / (61 + place))
    assert len(report["hits"]) == 3


@pytest.mark.parametrize("hybrid", [False, True])
def test_a_document_is_found_by_its_best_text(index, encoder, hybrid):
    if hybrid:
        pytest.importorskip("bm25s", reason="the search extra is not installed")
    how = {"document": "lang", "model": encoder, "hybrid": hybrid}
    hits = sentemb.search("Stocks fell on Monday.", index, k=2, **how)["hits"]
    assert len({hit["lang"] for hit in hits}) == len(hits) == 2
    assert hits[0]["text"] == "Stocks fell on Monday."
    hits = sentemb.search("a", index, k=4, **how)["hits"]
    assert sorted(hit["lang"] for hit in hits) == ["de", "en"]  # French has no text of its own
    with pytest.raises(UsageError, match=r"no column 'lan'.*Did you mean 'lang'"):
        sentemb.search("a", index, model=encoder, document="lan")


def test_a_report_reads_well(encoder):
    report = sentemb.search("cat", ROWS, k=2, model=encoder)
    assert repr(report).splitlines()[0].split() == ["cat", "score", "count"]
    frame = report.to_pandas()
    assert list(frame.columns) == ["query", "rank", "score", "text", "count", "row", "lang"]
    assert len(frame) == len(report) == 2


def test_columns_with_the_name_of_a_hits_own_stay(encoder):
    hit = sentemb.search("a", [{"text": "a", "score": 3}], model=encoder)["hits"][0]
    assert hit["row_score"] == 3
    assert hit["score"] == pytest.approx(1)


def test_queries_of_a_file(tmp_path, encoder):
    file = tmp_path / "queries.txt"
    file.write_text("cat\nmarket\n")
    hits = sentemb.search(Path(file), ROWS, k=1, model=encoder)["hits"]
    assert [hit["query"] for hit in hits] == ["cat", "market"]


def test_what_is_embedded_is_not_embedded_again(encoder):
    data = embedded(ROWS, encoder)
    assert sentemb.search("A cat sleeps.", data, k=1, model=encoder)["hits"][0]["count"] == 2


@pytest.mark.parametrize(
    ("query", "given", "message"),
    [
        ("a", {"k": 5}, "k must be at most 4, the texts of the index; got 5"),
        ("a", {"k": 0}, "k must be at least 1"),
        ("a", {"min_score": 2}, "min_score must be a cosine from -1 to 1, got 2"),
        ("a", {"where": "lung == 'en'"}, "no column 'lung'"),
        (" ", {}, "Query 1 is ' '"),
        (["a", 3], {}, "Query 2 is 3"),
        ([], {}, "There is no query"),
    ],
)
def test_what_cannot_be_searched_is_refused(encoder, query, given, message):
    with pytest.raises((UsageError, InputError), match=message):
        sentemb.search(query, ROWS, model=encoder, **given)


def test_another_models_index_is_refused(encoder, tmp_path):
    sentemb.index(ROWS, tmp_path / "a.index", encoder)
    with pytest.raises(InputError, match="was made by model 'mini-sentemb', which 'mini' is not"):
        sentemb.search("a", tmp_path / "a.index", model="mini")
