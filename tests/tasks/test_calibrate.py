"""Thresholds with a guarantee: the worked values, the rate over resamples, what is refused."""

import numpy as np
import pytest

import sentemb
from sentemb.errors import InputError, UsageError
from sentemb.tasks.bounds import (
    conformal,
    least_trials,
    lowest_of_grid,
    strict_to_lenient,
    upper_bound,
)
from sentemb.tasks.threshold import as_threshold, read_threshold

SCORES = [
    *(0.05, 0.1, 0.12, 0.2, 0.22, 0.25, 0.3, 0.31, 0.35, 0.4, 0.42, 0.45, 0.5, 0.52, 0.6, 0.61),
    *(0.7, 0.74, 0.82),
]


@pytest.mark.parametrize(
    ("errors", "trials", "delta", "bound"),
    [
        (0, 30, 0.05, 0.0950338529),
        (2, 100, 0.05, 0.0616192004),
        (5, 200, 0.0025, 0.0738922859),
        (0, 2995, 0.05, 0.0009997444),
        (3, 100_000, 0.05, 7.7542e-5 * (1 - 1e-4)),
    ],
)
def test_clopper_pearson_to_the_digits(errors, trials, delta, bound):
    assert upper_bound(errors, trials, delta) == pytest.approx(bound, rel=1e-5, abs=5e-11)


def test_bounds_at_the_edges():
    assert upper_bound(5, 5, 0.05) == 1
    assert upper_bound(0, 0, 0.05) == 1
    assert least_trials(0.1, 0.05) == 29
    assert upper_bound(0, 29, 0.05) <= 0.1 < upper_bound(0, 28, 0.05)


def test_conformal_to_the_digits():
    assert conformal(SCORES, 0.1) == 0.74
    assert conformal(SCORES, 0.2) == 0.61
    assert conformal(SCORES, 0.05) == 0.82
    with pytest.raises(InputError, match="at least 24 different pairs, there are 19"):
        conformal(SCORES, 0.04)


def test_random_pairs_to_the_digits():
    """3 of 100,000 random pairs, of which 1e-4 may be the same."""
    scores = np.concatenate([np.full(3, 0.95), np.full(99_997, 0.1)])
    threshold, errors, bound = strict_to_lenient(scores, 7.7543e-5, 0.05, share=1e-4)
    assert (threshold, errors) == (0.101, 3)
    assert bound == pytest.approx(7.7542e-5, rel=1e-5)
    assert bound * 1e6 == pytest.approx(77.54, abs=0.01)


def test_the_lowest_threshold_that_passes_is_taken():
    scores = np.array([0.3] * 600 + [0.75] * 3)
    assert strict_to_lenient(scores, 0.02, 0.05)[:2] == (0.301, 3)
    assert strict_to_lenient(scores, 0.0055, 0.05)[:2] == (0.751, 0)
    with pytest.raises(InputError, match=r"with these 603 pairs: .* pairs without an error"):
        strict_to_lenient(scores, 0.004, 0.05)


def test_the_share_of_false_among_found():
    scores, same = np.array([0.9] * 400 + [0.6] * 40), np.array([True] * 400 + [False] * 40)
    assert lowest_of_grid(scores, same, 0.05, 0.05)[0] == 0.61
    assert lowest_of_grid(scores, same, 0.2, 0.05)[:2] == (0.5, 40)
    with pytest.raises(InputError, match=r"the share of different pairs at 0.01"):
        lowest_of_grid(scores, same, 0.01, 0.05)


@pytest.mark.sampled
@pytest.mark.parametrize(("at_most", "delta"), [(0.05, 0.1), (0.1, 0.05)])
def test_the_rates_hold_over_samples(at_most, delta):
    """In δ of 400 samples at most the true rate is higher; conformal's mean is not."""
    random = np.random.default_rng(0)
    everything = random.normal(0.3, 0.2, 20_000).round(3)
    broken, rates = 0, []
    for _ in range(400):
        sample = random.choice(everything, 200)
        broken += (everything >= strict_to_lenient(sample, at_most, delta)[0]).mean() > at_most
        rates.append((everything > conformal(sample, at_most)).mean())
    assert broken / 400 <= delta + 3 * np.sqrt(delta * (1 - delta) / 400)
    assert np.mean(rates) <= at_most + 3 * np.std(rates) / 20


def graded(path, rows):
    lines = [f"{i % 7} a{i}\t{i % 5} b{i % 3}\t{score}" for i, score in enumerate(rows)]
    path.write_text("\n".join(["sentence1\tsentence2\tscore", *lines]) + "\n")
    return path


def test_scores_are_the_same_or_different_or_left_out(tmp_path):
    found = sentemb.calibrate(graded(tmp_path / "p.tsv", [0, 1, 2, 3, 4, 5] * 20), at_most=0.9)
    assert found.pairs == 60
    assert found.data == "p.tsv"
    assert found.model == "mini-sentemb"
    assert 0 <= found.found <= 1
    assert f"of {found.pairs} pairs of p.tsv" in repr(found)


def test_labels_and_a_file_of_the_threshold(tmp_path):
    pairs = [("It rains.", "It rains.", 1), ("It rains.", "A man sings.", 0)] * 40
    path = tmp_path / "deep/t.json"
    found = sentemb.calibrate(pairs, at_most=0.1, output=path)
    assert (found.pairs, found.errors, found.found) == (40, 0, 1.0)
    assert read_threshold(path) == found
    assert as_threshold(str(path), "mini-sentemb") == found
    assert as_threshold("0.5", "mini-sentemb") == 0.5
    with pytest.raises(UsageError, match=r"exists: give another `output`"):
        sentemb.calibrate(pairs, at_most=0.1, output=path)
    strict = sentemb.calibrate(pairs, at_most=0.1, method="conformal")
    assert strict.confidence is None
    assert strict.errors <= 4


def test_texts_are_paired_at_random_each_once():
    texts = [f"{n} {word}" for n in range(40) for word in ("dogs", "cats", "rain")]
    found = sentemb.calibrate([*texts, *texts[:5]], at_most=0.1)
    assert found.pairs == 60
    assert found.of_random_pairs
    assert found == sentemb.calibrate([*texts, *texts[:5]], at_most=0.1)


PAIRS = [("a b", "b c", 1), ("a c", "b c", 0)]


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        (PAIRS, {"at_most": 0}, UsageError, "at_most must be between 0 and 1, got 0"),
        (PAIRS, {"confidence": 1}, UsageError, "confidence must be between 0 and 1"),
        (PAIRS, {"rate": "fnr"}, UsageError, "rate must be one of fpr, fdr"),
        (PAIRS, {"method": "exact"}, UsageError, "method must be one of"),
        (PAIRS, {"rate": "fdr", "method": "conformal"}, UsageError, "conformal bounds an fpr"),
        (PAIRS, {}, InputError, "with these 1 pairs"),
        (PAIRS[:1] * 2, {}, InputError, "data: all 2 pairs are of one class"),
        ([("a", "b", 7)], {}, InputError, "row 1: label '7'"),
        ([("a", " ", 1)], {}, InputError, "row 1 has no sentence2"),
        (["a", "b"], {"rate": "fdr"}, UsageError, "An fdr needs labelled pairs"),
        (["a", "a"], {}, InputError, "1 distinct text"),
        (["a", " "], {}, InputError, "row 2 is blank"),
    ],
)
def test_what_is_refused(data, options, error, message):
    with pytest.raises(error, match=message):
        sentemb.calibrate(data, **options)
