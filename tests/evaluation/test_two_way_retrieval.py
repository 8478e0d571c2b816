"""Retrieval between texts and pictures: the exact rule, its chance levels, several texts."""

from math import comb

import numpy as np
import pytest

from sentemb.errors import NumericError
from sentemb.evaluation.two_way_retrieval import (
    Pairing,
    Ranks,
    cross_modal_ranks,
    ranks_of,
    retrieval_both_ways,
)

SCORES = np.array(
    [[0.9, 0.2, 0.5, 0.5, 0.1, 0.3], [0.4, 0.8, 0.5, 0.5, 0.2, 0.6], [0.3, 0.1, 0.2, 0.7, 0.7, 0.4]]
)
PAIRING = Pairing([10, 10, 11, 11, 12, 12], list("abcdef"))


def test_the_ranks_are_those_of_the_rule():
    of_pictures, of_texts = PAIRING.answers()
    pictures, texts = ranks_of(SCORES, of_pictures), ranks_of(SCORES.T, of_texts)
    assert pictures.tolist() == [1, 3, 2]
    assert texts.tolist() == [1, 2, 2, 3, 1, 2]
    both = [Ranks(pictures, np.array([2, 2, 2]), 6), Ranks(texts, np.ones(6, int), 3)]
    assert [each.recall(1) for each in both] == pytest.approx([100 / 3, 100 / 3])
    assert [each.recall(2) for each in both] == pytest.approx([200 / 3, 500 / 6])


@pytest.mark.parametrize(("k", "expected"), [(1, 0.001), (5, 0.0049920032), (10, 0.0099640504)])
def test_chance_of_a_thousand_pictures_with_five_texts(k, expected):
    to_text = Ranks(np.ones(1000, int), np.full(1000, 5), 5000)
    assert to_text.chance(k) / 100 == pytest.approx(expected, abs=1e-10)
    assert to_text.chance(k) / 100 == pytest.approx(1 - comb(4995, k) / comb(5000, k), abs=1e-12)
    assert Ranks(np.ones(9, int), np.ones(9, int), 1000).chance(k) == pytest.approx(k / 10)


def test_one_vector_for_everything_finds_nothing():
    same = np.ones((20, 1), np.float32)
    pairing = Pairing(list(range(20)), [str(n) for n in range(20)])
    found = retrieval_both_ways(same, same, pairing)
    assert found["picture_to_text_r10"] == found["text_to_picture_r1"] == 0
    assert found["text_to_picture_median_rank"] == 20
    assert [found[f"text_to_picture_r{k}_chance"] for k in (1, 5, 10)] == [5, 25, 50]


def test_what_is_not_a_number_finds_nothing():
    broken = np.where(np.eye(3, 6, dtype=bool), np.nan, SCORES)
    of_pictures, of_texts = PAIRING.answers()
    assert ranks_of(np.full_like(SCORES, np.nan), of_pictures).tolist() == [5, 5, 5]
    assert (ranks_of(broken, of_pictures) >= ranks_of(SCORES, of_pictures)).all()
    assert (ranks_of(broken.T, of_texts) >= ranks_of(SCORES.T, of_texts)).all()
    good, bad = np.eye(6, dtype=np.float32), np.full((3, 6), np.nan, np.float32)
    with pytest.raises(NumericError, match="a sound is not finite"):
        retrieval_both_ways(bad, good, PAIRING, "sound")
    with pytest.raises(NumericError, match="a text is not finite"):
        retrieval_both_ways(good[:3], np.where(good, np.inf, good), PAIRING)


def test_a_text_of_two_pictures_is_found_by_either():
    pairing = Pairing([1, 2, 3], ["a bird", "a bird", "a bus"])
    of_pictures, of_texts = pairing.answers()
    assert [own.tolist() for own in of_pictures] == [[0], [0], [1]]
    assert [own.tolist() for own in of_texts] == [[0, 1], [2]]


def test_blocks_of_queries_change_nothing(monkeypatch):
    draw = np.random.default_rng(0).standard_normal
    queries, documents = draw((30, 4)), draw((50, 4))
    answers = [np.array([n, n + 20]) for n in range(30)]
    whole = cross_modal_ranks(queries, documents, answers).ranks
    monkeypatch.setattr("sentemb.evaluation.two_way_retrieval.AT_ONCE", 150)
    assert cross_modal_ranks(queries, documents, answers).ranks.tolist() == whole.tolist()
