"""Triplets by hand, and the bundled negations."""

import numpy as np
import pytest

from benchmarks.negation_triples import FRAMES, triples
from sentemb.bundled import bundled
from sentemb.datasets.read_triplets import read_triplets
from sentemb.errors import InputError
from sentemb.evaluation import Triplets
from sentemb.suites.tasks import read_tasks
from sentemb.tasks.differences import facts_of

PLANE = {"east": (1, 0), "near east": (3, 1), "north": (0, 1), "also north": (0, 2)}


def encode(texts):
    return np.array([PLANE[text] for text in texts], dtype=np.float32)


def test_a_positive_is_right_where_it_is_nearer_and_a_tie_is_wrong():
    anchors = ["east", "east", "north"]
    task = Triplets("t", anchors, ["near east", "north", "north"], ["north", "east", "also north"])
    assert task(encode)["triplet_accuracy"] == pytest.approx(100 / 3)
    assert task(encode)["low"] == 0
    assert task(encode)["high"] == 100


def test_groups_stand_or_fall_together():
    rows = [("east", "near east", "north")] * 3 + [("east", "north", "near east")]
    groups = ["a", "a", "a", "b"]
    outcome = Triplets("t", *zip(*rows, strict=True), groups).outcome(encode)
    assert outcome.items.tolist() == [[3, 3], [0, 1]]
    assert outcome.numbers == {"triplet_accuracy": 75.0, "low": 0.0, "high": 100.0}
    assert outcome.score(outcome.items[[0, 0]]) == 100


def test_a_file_is_read_with_its_groups_and_a_bad_row_is_named(tmp_path):
    path = tmp_path / "some.tsv"
    path.write_text("anchor\tpositive\tnegative\na\tb\tc\nd\te\tf\n")
    triplets = Triplets("some", ("a", "d"), ("b", "e"), ("c", "f"), ["row 2", "row 3"])
    assert read_triplets(path) == triplets
    path.write_text("anchor\tpositive\tnegative\na\tb\tc\nd\te\t\n")
    with pytest.raises(InputError, match="row 3 has no negative"):
        read_triplets(path)
    path.write_text("anchor\tpositive\tnegative\n")
    with pytest.raises(InputError, match="no"):
        read_triplets(path)


def test_the_bundled_negations_need_no_folder_and_are_what_the_script_makes():
    (one,) = read_tasks(["negation"], None, {}).chosen
    task = one.task
    made = [list(column) for column in zip(*triples(), strict=True)]
    assert made == [task.groups, *map(list, (task.anchors, task.positives, task.negatives))]
    assert len(task.groups) == 680
    assert len(set(task.groups)) == len(FRAMES.strip().split("\n\n")) == 68
    assert len(set(zip(task.anchors, task.positives, task.negatives, strict=True))) == 680
    assert one.files == [bundled("negation.tsv.gz")]


def test_a_bundled_negation_has_one_negation_more_or_less_than_its_sentence():
    (one,) = read_tasks(["negation"], None, {}).chosen
    changes = [
        facts_of(negation)[1] - facts_of(sentence)[1]
        for sentence, negation in zip(one.task.anchors, one.task.negatives, strict=True)
    ]
    assert {abs(change) for change in changes} == {1}
    assert 0.2 < changes.count(-1) / len(changes) < 0.3
