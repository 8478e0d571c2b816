"""Duplicates: which texts are linked, which are kept, what is held apart, leaks between sets."""

import json
import tracemalloc

import numpy as np
import pytest

import sentemb
from sentemb.errors import InputError, UsageError
from sentemb.tasks.components import (
    connected,
    inner_similarities,
    representatives,
    split_complete,
)
from sentemb.tasks.differences import facts_of
from sentemb.tasks.nearest import pairs_above
from sentemb.tasks.threshold import Threshold
from sentemb.tasks.vectors import Embedded


def in_planes(*angles):
    """Unit vectors, each an angle in degrees in one of two planes."""
    rows = []
    for plane, degrees in angles:
        row = np.zeros(4)
        row[2 * plane : 2 * plane + 2] = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        rows.append(row)
    return np.array(rows, np.float32)


def degrees(cosine):
    return np.rad2deg(np.arccos(cosine))


WORKED = in_planes(
    (0, 0),
    (0, degrees(0.95)),
    (0, degrees(0.95) + degrees(0.91)),
    (0, degrees(0.95) + degrees(0.91) + degrees(0.85)),
    (1, 0),
    (1, degrees(0.93)),
)
"""Cosines of METHODS2 §9.8: .95 .91 .85 between neighbours, .93 between the last two."""


def groups_of(vectors, threshold):
    pairs = ((one, other) for one, other, _ in pairs_above(vectors, threshold))
    return connected(len(vectors), pairs)


def made(vectors, texts=None):
    texts = texts or [f"text {'abcdefghij'[row]}" for row in range(len(vectors))]
    return Embedded(texts, vectors, "mini", {}, "made")


def test_the_worked_example():
    groups = groups_of(WORKED, 0.9)
    assert groups.tolist() == [0, 0, 0, 1, 2, 2]
    inner = inner_similarities(WORKED, groups, 0.9)
    assert representatives(groups, np.zeros(6)).tolist() == [0, 3, 4]
    assert representatives(groups, inner.sums.round(5)).tolist() == [1, 3, 4]
    chain = np.cos(np.deg2rad(degrees(0.95) + degrees(0.91)))
    assert inner.smallest == pytest.approx([chain, 1, 0.93], abs=1e-6)


def test_complete_groups_have_no_pair_below_the_threshold():
    split = split_complete(WORKED, groups_of(WORKED, 0.9), 0.9)
    assert split.tolist() == [0, 0, 1, 2, 3, 3]
    assert (inner_similarities(WORKED, split, 0.9).smallest >= 0.9).all()


def test_groups_are_those_of_all_pairs_at_once():
    vectors = np.random.default_rng(0).normal(size=(700, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = groups_of(vectors, 0.999)
    similar = vectors.astype(np.float64) @ vectors.T.astype(np.float64) >= 0.999
    for row in range(700):
        assert len(set(found[similar[row]])) == 1
    reached = np.eye(700, dtype=bool)
    while (further := (reached.astype(float) @ similar) > 0).sum() > reached.sum():
        reached = further
    assert ((found[:, None] == found) == reached).all()


def test_memory_does_not_grow_with_the_pairs():
    """8 million pairs, which would take 190 MB."""
    vectors = np.ones((4_000, 1), np.float32)
    tracemalloc.start()
    groups = groups_of(vectors, 0.9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not groups.any()
    assert peak < 120e6


def test_what_a_result_holds():
    found = sentemb.dedup(made(WORKED), threshold=0.9, keep="medoid")
    assert found.kept.tolist() == [1, 3, 4]
    assert list(found) == ["text b", "text d", "text e"]
    assert [(row["row"], row["of_row"]) for row in found.removed] == [(1, 2), (3, 2), (6, 5)]
    assert [row["cosine"] for row in found.removed] == pytest.approx([0.95, 0.91, 0.93], abs=1e-6)
    assert [group["rows"] for group in found.groups] == [3, 2]
    assert found.chains == 1
    assert "6 rows: 3 kept, 3 duplicates" in repr(found)
    assert "chains: in 1 groups" in repr(found)
    assert json.loads(found.to_json())["schema"] == "sentemb.dedup/1"
    assert sentemb.dedup(made(WORKED), threshold=0.9, complete=True).chains == 0


def test_the_longest_is_kept_where_it_is_asked_for():
    texts = ["a", "abc", "ab", "x", "y", "yy"]
    found = sentemb.dedup(made(WORKED, texts), threshold=0.9, keep="longest")
    assert found.kept.tolist() == [1, 3, 5]


def test_equal_texts_are_duplicates_whatever_the_threshold():
    found = sentemb.dedup(["A man sings.", "It rains.", "A man sings."], threshold=1)
    assert found.kept.tolist() == [0, 1]
    assert next(iter(found.removed))["cosine"] == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It costs 5 euros.", "It costs 6 euros."),
        ("Two dogs run.", "Three dogs run."),
        ("He sings.", "He does not sing."),
        ("He can sing.", "He can't sing."),
        ("Version 1.2.3", "Version 1.2.4"),
    ],
)
def test_numbers_and_negations_hold_texts_apart(one, other):
    assert facts_of(one) != facts_of(other)
    same = np.ones((2, 1), np.float32)
    held = sentemb.dedup(made(same, [one, other]))
    assert (len(held), held.held_apart) == (2, 1)
    assert len(sentemb.dedup(made(same, [one, other]), facts=False)) == 1
    assert len(sentemb.dedup(made(same[:1], [one]), against=made(same[:1], [other]))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("It costs 1,000 euros.", "1000 euros is what it costs."),
        ("Two men, five dogs.", "5 dogs and 2 men."),
        ("He isn't here.", "He is not here."),
        ("One man sings.", "A man sings."),
    ],
)
def test_the_same_numbers_and_negations_do_not(one, other):
    assert facts_of(one) == facts_of(other)


def test_leaks_are_the_rows_that_another_set_has():
    others = made(WORKED[[1, 5]], ["one", "other"])
    found = sentemb.dedup(made(WORKED), threshold=0.9, against=others)
    assert found.kept.tolist() == [3]
    assert [row["of_text"] for row in found.removed] == ["one"] * 3 + ["other"] * 2
    assert [row["cosine"] for row in found.removed] == pytest.approx([0.95, 1, 0.91, 0.93, 1])
    equal = sentemb.dedup(made(WORKED), threshold=1, against=made(WORKED[:1], ["text f"]))
    assert equal.kept.tolist() == [1, 2, 3, 4]  # row 0 has the vector, row 5 the text


def test_a_calibrated_threshold_is_used_and_named(tmp_path):
    known = Threshold(
        *(0.9, "fpr", 0.01, 0.009, 0.95, "clopper-pearson", 0, 330, None, "mini"), data="a.txt"
    )
    found = sentemb.dedup(made(WORKED), threshold=known.save(tmp_path / "t.json"))
    assert found.guarantee == known
    assert "of 15 pairs at most 0.1 are wrong in expectation" in repr(found)
    with pytest.raises(UsageError, match="'mini', and the vectors are those of 'other'"):
        sentemb.dedup(Embedded(["a"], WORKED[:1], "other", {}, "made"), threshold=known)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, "threshold must be a cosine from -1 to 1, got 1.5"),
        ({"keep": "last"}, "keep must be one of first, longest, medoid"),
        ({"against": ["a"], "complete": True}, "`complete` has no effect with `against`"),
    ],
)
def test_options_that_cannot_work(options, message):
    with pytest.raises(UsageError, match=message):
        sentemb.dedup(made(WORKED), **options)


def test_a_file_that_is_no_threshold(tmp_path):
    (tmp_path / "t.json").write_text('{"schema": "sentemb.check/1"}')
    with pytest.raises(InputError, match="is not a file that sentemb calibrate wrote"):
        sentemb.dedup(made(WORKED), threshold=tmp_path / "t.json")


def test_a_chain_that_is_too_long_to_split(monkeypatch):
    monkeypatch.setattr("sentemb.tasks.components.MOST_SPLIT", 2)
    with pytest.raises(UsageError, match="3 texts are one chain"):
        sentemb.dedup(made(WORKED), threshold=0.9, complete=True)
