"""Summaries: the worked values, the order of the document, groups, what is refused."""

import json

import numpy as np
import pytest

import sentemb
from sentemb.errors import InputError, UsageError
from sentemb.tasks.extractive import by_centroid, by_lexrank, centroid, coverage, lexrank, mmr
from sentemb.tasks.sentences import sentences_in
from sentemb.tasks.vectors import Embedded


@pytest.fixture
def worked(frozen):
    """Z1, Z2 and Z3 of the frozen inputs at length 1."""
    rows = [each.numpy() for each in (frozen.anchor, frozen.positive, frozen.negatives[:, 0])]
    return [each / np.linalg.norm(each, axis=1, keepdims=True) for each in rows]


def test_mmr_to_the_digits(worked):
    one, two, three = worked
    candidates = np.concatenate([one, three])
    assert mmr(two[0], candidates, 4, 0.5).tolist() == [3, 2, 0, 4]
    assert mmr(two[0], candidates, 4, 0.7).tolist() == [3, 0, 4, 5]


def test_the_centroid_to_the_digits(worked):
    one = worked[0]
    assert by_centroid(one, 4).tolist() == [0, 3, 2, 1]
    assert one @ centroid(one) == pytest.approx(
        [0.9677904665, -0.9758940700, 0.3524004570, 0.7127311814], abs=5e-11
    )
    assert coverage(one, np.array([0, 1])) == pytest.approx(0.7484135434, abs=5e-11)


SIMILAR = np.array([[1, 0.6, 0.2, 0.1], [0.6, 1, 0.5, 0.3], [0.2, 0.5, 1, 0.4], [0.1, 0.3, 0.4, 1]])


def test_lexrank_to_the_digits(worked):
    for jump, ranks in (
        (0.0, [0.2317073171, 0.2926829268, 0.2560975610, 0.2195121951]),
        (0.15, [0.2340408880, 0.2848248342, 0.2547535728, 0.2263807050]),
    ):
        assert lexrank(SIMILAR, jump) == pytest.approx(ranks, abs=5e-11)
    assert lexrank(worked[0] @ worked[0].T, 0.15) == pytest.approx(
        [0.2863560534, 0.25, 0.2124087076, 0.2512352390], abs=5e-11
    )


def test_a_walk_without_jumps_ends_as_the_row_sums():
    random = np.random.default_rng(0).random((20, 20))
    similar = random + random.T
    assert lexrank(similar, 0.0) == pytest.approx(similar.sum(axis=1) / similar.sum())


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three?", 3),
        ("Mr. Smith met Dr. A. B. Jones in the U.S. Navy.", 1),
        ("It is 3.5 m, e.g. long. No. 5 is next.", 2),
        ('He said "Go." Then he left.', 2),
        ("See Fig. 2 for it.", 1),
        ("no capitals. here", 1),
        ("你好。我很好！是吗？", 3),
        ("a", 1),
        ("Really?! Yes… It is.", 3),
    ],
)
def test_sentences(text, count):
    found = sentences_in(text)
    assert len(found) == count
    assert "".join(found).replace(" ", "") == text.replace(" ", "")


TEXTS = ["It rains. It rains a lot.", "A man sings. It rains.", "The dog barks."]


@pytest.mark.parametrize("method", ["centroid", "mmr", "lexrank"])
def test_sentences_stand_in_the_order_of_the_document_each_once(method):
    (found,) = sentemb.summarise(TEXTS, sentences=10, method=method)
    assert found.places == [0, 1, 2, 4]
    assert str(found) == "It rains. It rains a lot. A man sings. The dog barks."
    assert (found.of, found.coverage) == (5, pytest.approx(1))
    (two,) = sentemb.summarise(TEXTS, sentences=2, method=method)
    assert two.places == sorted(two.places)
    assert two.coverage < found.coverage


def test_a_summary_of_each_group():
    rows = [{"text": text, "topic": topic} for text, topic in zip(TEXTS, "aba", strict=True)]
    found = sentemb.summarise(rows, sentences=1, by="topic")
    assert [(one.group, one.of) for one in found] == [("a", 3), ("b", 2)]
    assert found.rows()[1].keys() == {"topic", "text"}
    assert "2 summaries, mean coverage" in repr(found)
    record = json.loads(found.to_json())
    assert record["summaries"][0]["sentences"] == found[0].sentences
    assert record["coverage"] == pytest.approx(np.mean([one.coverage for one in found]))


def test_rows_with_vectors_are_not_split():
    data = Embedded(TEXTS, np.eye(3, dtype=np.float32), "mini", {}, "made")
    (found,) = sentemb.summarise(data, sentences=2)
    assert found.sentences == TEXTS[:2]
    assert found.coverage == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sentences": 0}, UsageError, "sentences must be at least 1, got 0"),
        ({"method": "textrank"}, UsageError, "method must be one of centroid, mmr, lexrank"),
        ({"balance": 1.5}, UsageError, "balance must be in 0 to 1, got 1.5"),
        ({"by": "topic"}, InputError, "data has no column 'topic' beside its texts; it has none"),
        ({"column": "txt"}, InputError, "no column 'txt'"),
    ],
)
def test_what_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        sentemb.summarise(TEXTS, **options)


def test_lexrank_of_too_many(monkeypatch):
    monkeypatch.setattr("sentemb.tasks.extractive.MOST_RANKED", 2)
    with pytest.raises(UsageError, match="at most 2; there are 3: use centroid or mmr"):
        by_lexrank(np.eye(3), 1)
