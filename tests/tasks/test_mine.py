"""Hard negatives: the table of METHODS2 §3, and that no positive is ever one."""

import numpy as np
import pytest

import sentemb
from sentemb import read_training_data
from sentemb.errors import UsageError
from sentemb.tasks.mining_rules import MiningRules

SCORES = np.array([0.92, 0.81, 0.79, 0.77, 0.755, 0.70, 0.60, 0.41, 0.12, 0.80])
PAIRS = [
    ("a cat sleeps", "a cat is asleep"),
    ("a dog barks", "a dog makes noise"),
    ("a dog barks", "the dog is loud"),
    ("stocks fell", "shares lost value"),
    ("a cat  sleeps", "a cat is asleep"),
]


@pytest.fixture(scope="module")
def encoder():
    return sentemb.load("mini-sentemb")


def kept(**rules):
    ids, _ = MiningRules(**rules).chosen(
        np.arange(10), SCORES, SCORES[9], {9}, 1, np.random.default_rng(0)
    )
    return ids.tolist()


@pytest.mark.parametrize(
    ("rules", "ids"),
    [
        ({}, [0, 1, 2]),
        ({"absolute_margin": 0.05}, [5, 6, 7]),
        ({"relative_margin": 0.05}, [4, 5, 6]),
        ({"relative_margin": 0.05, "max_score": 0.75}, [5, 6, 7]),
        ({"relative_margin": 0.05, "min_score": 0.5}, [4, 5, 6]),
        ({"relative_margin": 0.05, "range_min": 1, "range_max": 4}, [5, 6, 7]),
        ({"relative_margin": 0.05, "range_min": 3, "range_max": 6}, [7, 8]),
        ({"relative_margin": 0.05, "range_min": 3, "range_max": 6, "ranks": "all"}, [4, 5]),
        ({"absolute_margin": 0.3, "n": 5}, [7, 8]),
    ],
)
def test_rules_keep_what_methods2_has(rules, ids):
    assert kept(**rules) == ids


def test_a_relative_margin_below_zero_is_a_margin_too():
    rules = MiningRules(relative_margin=0.05)
    ids, dropped = rules.chosen(
        np.arange(2), np.array([-0.2, -0.211]), -0.2, (), 0, np.random.default_rng(0)
    )
    assert (ids.tolist(), dropped["relative_margin"]) == ([1], 1)


def test_drawn_negatives_are_in_the_range():
    rules = {"sampling": "random", "range_min": 2, "range_max": 8}
    assert len(set(kept(**rules))) == 3
    assert set(kept(**rules)) <= {2, 3, 4, 5, 6, 7}
    assert kept(**rules) == kept(**rules)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"n": 0}, "n must be at least 1"),
        ({"range_min": 3, "range_max": 3}, "range_max must be at least 4, got 3"),
        ({"absolute_margin": -1.0}, "absolute_margin must be at least 0"),
        ({"sampling": "best"}, "sampling must be one of top, random"),
    ],
)
def test_rules_that_cannot_be_are_refused(rules, message):
    with pytest.raises(UsageError, match=message):
        MiningRules(**rules)


def test_positives_of_equal_anchors_and_the_anchor_itself_are_no_negatives(encoder):
    corpus = ["a dog  barks", "a wolf howls", "the dog is  loud"]
    report = sentemb.mine(PAIRS, corpus, encoder, n=10)
    dogs = {row["negative"] for row in report["rows"] if row["anchor"] == "a dog barks"}
    assert dogs == {"a wolf howls", "a cat is asleep", "shares lost value"}
    assert report["corpus"] == 6
    assert report["pairs_with_fewer"] == 5


def test_scores_are_cosines_and_order_is_theirs(encoder):
    report = sentemb.mine(PAIRS, model=encoder, n=2)
    for row in report["rows"]:
        texts = [row["anchor"], row["positive"], row["negative"]]
        anchor, positive, negative = encoder.encode(texts, normalize=True)
        assert row["positive_score"] == pytest.approx(anchor @ positive, abs=1e-5)
        assert row["negative_score"] == pytest.approx(anchor @ negative, abs=1e-5)
    of_stocks = [r["negative_score"] for r in report["rows"] if r["anchor"] == "stocks fell"]
    assert of_stocks == sorted(of_stocks, reverse=True)
    above = [row["negative_score"] > row["positive_score"] for row in report["rows"]]
    assert report["above_positive"] == pytest.approx(np.mean(above))


def test_train_reads_what_was_mined(encoder, tmp_path):
    from sentemb.finetuning.prediction_files import write_predictions

    rows = sentemb.mine(PAIRS, model=encoder, n=2)["rows"]
    for name in ("a.csv", "a.tsv", "a.jsonl", "a.parquet"):
        write_predictions(rows, tmp_path / name)
        read = read_training_data(tmp_path / name, [("anchor", "positive", "negative")]).rows
        assert read["negative"][:] == [row["negative"] for row in rows]


def test_all_negatives_of_a_pair_in_its_row(encoder, tmp_path):
    from sentemb.finetuning.prediction_files import write_predictions

    apart = sentemb.mine(PAIRS, model=encoder, n=4)
    report = sentemb.mine(PAIRS, model=encoder, n=4, together=True)
    rows = report["rows"]
    assert [row["anchor"] for row in rows] == [anchor for anchor, _ in PAIRS]
    assert report["negatives"] == apart["negatives"] == len(apart["rows"])
    assert report.to_pandas()["negative_4"].tolist() == [row["negative_4"] for row in rows]
    names = ["negative", "negative_2", "negative_3", "negative_4"]
    flat = [row[name] for row in rows for name in names if row[name]]
    assert flat == [row["negative"] for row in apart["rows"]]
    assert rows[0]["negative_score_2"] == apart["rows"][1]["negative_score"]
    assert not rows[1]["negative_4"]
    assert rows[1]["negative_score_4"] is None
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        write_predictions(rows, tmp_path / name)
        read = read_training_data(tmp_path / name, [("anchor", "positive", "negative")]).rows
        assert read["negative_2"][:] == [row["negative_2"] for row in rows]


def test_an_unknown_rule_is_named():
    with pytest.raises(UsageError, match="Unknown option of mine 'margin'"):
        sentemb.mine(PAIRS, margin=1)


def test_a_cross_encoder_scores_in_the_models_place(encoder, monkeypatch):
    monkeypatch.setattr(
        "sentemb.tasks.mine.pair_scores",
        lambda model, pairs, device: np.array([-len(text) for _, text in pairs], dtype=float),
    )
    report = sentemb.mine(PAIRS, model=encoder, n=1, cross_encoder="any")
    stocks = next(row for row in report["rows"] if row["anchor"] == "stocks fell")
    assert (stocks["negative"], stocks["positive_score"]) == ("a cat is asleep", -17)
