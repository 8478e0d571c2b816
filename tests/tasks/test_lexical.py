"""BM25 and rank fusion, to the digits of METHODS2 §9.5."""

import pytest

from sentemb.tasks.lexical import Lexical, fused, words_of

TEXTS = ["the cat sat", "the dog sat on the log", "cats and dogs"]


@pytest.mark.parametrize(
    ("k1", "scores"),
    [(1.2, [0.9725754489, 0.4348960953, 0]), (1.5, [0.8657291319, 0.3848569749, 0])],
)
def test_bm25(k1, scores):
    pytest.importorskip("bm25s", reason="the search extra is not installed")
    assert Lexical(TEXTS, k1=k1).scores("the cat sat") == pytest.approx(scores, abs=1e-7)


def test_a_query_without_a_known_word_scores_nothing():
    pytest.importorskip("bm25s", reason="the search extra is not installed")
    assert Lexical(TEXTS).scores("zebra !").tolist() == [0, 0, 0]


def test_words_of_scripts_without_spaces_are_characters():
    assert words_of("Don't 我喜欢 U.S., x/y") == ["don't", "我", "喜", "欢", "u.s", "x", "y"]


def test_fusion():
    a, b, c, d = range(4)
    ids, sums = zip(*fused([[a, b, c], [c, a, d]]), strict=True)
    assert ids == (a, c, b, d)
    assert sums == pytest.approx([0.0325224749, 0.0322664585, 0.0161290323, 0.0158730159], abs=1e-9)


def test_equal_sums_go_by_id():
    assert [one for one, _ in fused([[3, 1], [1, 3]], k=1)] == [1]
