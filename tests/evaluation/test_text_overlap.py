"""Token F1 and BLEU against sacrebleu's values."""

import pytest

from sentemb.evaluation.text_overlap import (
    bleu,
    is_exact,
    sentence_bleu,
    text_overlap,
    token_f1,
)

WRITTEN = ["the cat sat on the mat", "a man rides a horse"]
REFERENCES = ["the cat is on the mat", "a man is riding a brown horse"]


def test_values_of_sacrebleu():
    assert bleu(WRITTEN, REFERENCES) == pytest.approx(22.3835869701, abs=1e-8)
    scores = (37.9917842826, 17.0305783568)
    for written, reference, score in zip(WRITTEN, REFERENCES, scores, strict=True):
        assert sentence_bleu(written, reference) == pytest.approx(score, abs=1e-8)


def test_token_f1():
    assert token_f1(WRITTEN[0], REFERENCES[0]) == pytest.approx(0.8333333333, abs=1e-10)
    assert token_f1(WRITTEN[1], REFERENCES[1]) == pytest.approx(0.6666666667, abs=1e-10)
    assert (token_f1("", ""), token_f1("a", ""), token_f1("A man.", "a man")) == (1, 0, 1)


def test_a_text_and_itself():
    assert bleu(WRITTEN, WRITTEN) == pytest.approx(100)
    assert sentence_bleu("a man", "a man") == pytest.approx(100)
    assert bleu(["x y z w"], ["a b c d"]) == 0
    assert is_exact("A man!", "a man")
    assert not is_exact("a man", "man a")


def test_punctuation_is_parted_as_in_13a():
    """1,000 stays whole, a full stop does not, and a dash behind a digit is a token."""
    assert bleu(["It cost 1,000 pounds . Well"], ["It cost 1,000 pounds. Well"]) == pytest.approx(
        100
    )
    assert bleu(["in 1990 - 95 he sang"], ["in 1990-95 he sang"]) == pytest.approx(100)
    assert bleu(["he said &quot; no & yes"], ['he said "no & yes']) == pytest.approx(100)


def test_means_of_a_corpus():
    means, each = text_overlap(WRITTEN, REFERENCES)
    assert means["f1"] == pytest.approx(each.mean()) == pytest.approx(0.75)
    assert (means["exact"], round(means["bleu"], 4)) == (0, 22.3836)
