"""Token F1 and exact matches."""

import pytest

from sentemb.evaluation.text_overlap import (
    is_exact,
    text_overlap,
    token_f1,
)

WRITTEN = ["the cat sat on the mat", "a man rides a horse"]
REFERENCES = ["the cat is on the mat", "a man is riding a brown horse"]


def test_token_f1():
    assert token_f1(WRITTEN[0], REFERENCES[0]) == pytest.approx(0.8333333333, abs=1e-10)
    assert token_f1(WRITTEN[1], REFERENCES[1]) == pytest.approx(0.6666666667, abs=1e-10)
    assert (token_f1("", ""), token_f1("a", ""), token_f1("A man.", "a man")) == (1, 0, 1)


def test_an_exact_match():
    assert is_exact("A man!", "a man")
    assert not is_exact("a man", "man a")


def test_means_of_a_corpus():
    means, each = text_overlap(WRITTEN, REFERENCES)
    assert means["f1"] == pytest.approx(each.mean()) == pytest.approx(0.75)
    assert means["exact"] == 0
