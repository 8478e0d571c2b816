"""Energies to the digits of METHODS2 §8, probabilities and percentiles by their definitions."""

import numpy as np
import pytest
import torch

import sentemb
from sentemb.errors import InputError, UsageError
from sentemb.tasks.score import log_partition, percentiles

PAIRS = [
    ("a cat sleeps", "a cat is asleep"),
    ("a dog barks", "a dog makes noise"),
    ("stocks fell", "shares lost value"),
    ("a cat rests", "a cat is asleep"),
]


@pytest.fixture(scope="module")
def encoder():
    return sentemb.load("mini-sentemb")


@pytest.mark.parametrize(
    ("temperature", "energy", "free"),
    [(0.05, -16.9080577182, -17.0939432907), (0.5, -1.6908057718, -2.2288438290)],
)
def test_energies_are_those_of_methods2(frozen, temperature, energy, free):
    one, other = (
        torch.nn.functional.normalize(each, dim=1).numpy()
        for each in (frozen.anchor, frozen.positive)
    )
    assert -(one * other).sum(axis=1).mean() / temperature == pytest.approx(energy, abs=1e-9)
    assert -log_partition(one, other, temperature).mean() == pytest.approx(free, abs=1e-9)


def test_blocks_do_not_matter(monkeypatch):
    random = np.random.default_rng(0)
    one, other = random.normal(size=(40, 5)), random.normal(size=(70, 5))
    whole = log_partition(one, other, 0.5)
    monkeypatch.setattr("sentemb.tasks.score.ANCHORS", 7)
    monkeypatch.setattr("sentemb.tasks.score.CANDIDATES", 9)
    assert log_partition(one, other, 0.5) == pytest.approx(whole, abs=1e-12)


def test_a_row_has_cosine_energy_and_probability(encoder):
    report = sentemb.score(PAIRS, encoder, temperature=0.1)
    second = list(dict.fromkeys(pair[1] for pair in PAIRS))
    cosines = encoder.encode([p[0] for p in PAIRS], normalize=True) @ (
        encoder.encode(second, normalize=True).T
    )
    shares = torch.tensor(cosines / 0.1).softmax(dim=1).numpy()
    for row, own, each, share in zip(report["rows"], (0, 1, 2, 0), cosines, shares, strict=True):
        assert row["cosine"] == pytest.approx(each[own], abs=1e-5)
        assert row["energy"] == pytest.approx(-each[own] / 0.1, abs=1e-4)
        assert row["probability"] == pytest.approx(share[own], abs=1e-5)
    assert report["candidates"] == 3


def test_a_pairs_own_text_is_always_a_candidate(encoder):
    own, other = (sentemb.score(PAIRS[:1], encoder, candidates=c) for c in (None, ["stocks fell"]))
    assert own["rows"][0]["probability"] == pytest.approx(1, abs=1e-5)
    anchor, positive, candidate = encoder.encode([*PAIRS[0], "stocks fell"], normalize=True)
    odds = np.exp((anchor @ candidate - anchor @ positive) / 0.05)
    assert other["rows"][0]["probability"] == pytest.approx(1 / (1 + odds), abs=1e-4)


def test_percentiles():
    random = np.array([0.1, 0.2, 0.2, 0.9])
    assert percentiles(np.array([0.0, 0.2, 0.5, 1.0]), random) == [0, 50, 75, 100]
    assert percentiles(np.array([0.5]), np.empty(0)) == [None]


def test_random_pairs_are_of_other_texts(encoder):
    report = sentemb.score([("a", "same"), ("b", "same")], encoder)
    assert [row["percentile"] for row in report["rows"]] == [None, None]
    assert "random pairs: 0" in repr(report)
    drawn = sentemb.score(PAIRS, encoder, random_pairs=500)["random"]["pairs"]
    assert 200 < drawn < 400  # ten of sixteen draws


@pytest.mark.parametrize(
    ("data", "given", "message"),
    [
        ([("a", " ")], {}, "row 1: a text of the pair is blank"),
        (PAIRS, {"temperature": 0}, "temperature must be above 0, got 0"),
        (PAIRS, {"random_pairs": 0}, "random_pairs must be at least 1"),
        (["a"], {}, "sentence1, sentence2"),
    ],
)
def test_what_cannot_be_scored_is_refused(encoder, data, given, message):
    with pytest.raises((UsageError, InputError), match=message):
        sentemb.score(data, encoder, **given)
