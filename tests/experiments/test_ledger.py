"""A ledger: results whole or not at all, one plan a folder."""

import shutil

import pytest

from sentemb.bundled import bundled
from sentemb.errors import UsageError
from sentemb.experiments import opened
from sentemb.jobs.job_data import read_to_measure
from sentemb.jobs.job_record import plan_of
from sentemb.jobs.train_job import train_job

PLAN = {"option": "temperature", "values": [0.1, 0.2]}


def test_what_is_committed_is_there_the_next_time(tmp_path):
    with opened(tmp_path / "s", PLAN, overwrite=False) as ledger:
        ledger.run("one").mkdir()
        assert ledger.result("one") is None
        ledger.commit("one", {"spearman": 70.5})
        assert not ledger.run("one").exists()
    with opened(tmp_path / "s", PLAN, overwrite=False) as ledger:
        assert ledger.result("one") == {"spearman": 70.5}


def test_a_model_left_behind_a_commit_is_taken_away(tmp_path):
    with opened(tmp_path / "s", PLAN, overwrite=False) as ledger:
        ledger.commit("one", {})
        ledger.run("one").mkdir()
        ledger.result("one")
        assert not ledger.run("one").exists()


def test_another_plan_is_refused_with_the_difference_and_overwritten_on_demand(tmp_path):
    with opened(tmp_path / "s", PLAN, overwrite=False) as ledger:
        ledger.commit("one", {})
    (tmp_path / "s/mine.txt").write_text("mine")
    other = PLAN | {"values": [0.1, 0.3]}
    with (
        pytest.raises(UsageError, match=r"values was \[0.1, 0.2\], is now \[0.1, 0.3\]"),
        opened(tmp_path / "s", other, overwrite=False),
    ):
        pass
    with opened(tmp_path / "s", other, overwrite=True) as ledger:
        assert ledger.result("one") is None
    assert (tmp_path / "s/mine.txt").read_text() == "mine"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_left_alone(tmp_path, overwrite):
    (tmp_path / "thesis.txt").write_text("mine")
    with (
        pytest.raises(UsageError, match="holds no study"),
        opened(tmp_path, PLAN, overwrite=overwrite),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_start_that_was_cut_off_is_no_obstacle(tmp_path):
    (tmp_path / "plan.json.partial").write_text("{")
    with opened(tmp_path, PLAN, overwrite=False) as ledger:
        assert ledger.result("one") is None


def test_a_plan_has_its_teachers_by_value(tmp_path):
    def plan(*names):
        options = dict(zip(("teacher", "second_teacher"), map(str, names), strict=False))
        job = train_job("rankcse", ["one", "two", "three"], **options)
        return plan_of(job, *read_to_measure(job))

    moved = tmp_path / "moved"
    shutil.copytree(bundled("mini-sentemb"), moved)
    one, two = plan("mini-sentemb"), plan("mini-sentemb", "mini")
    assert plan(moved) == one
    assert [name for name in two if two[name] != one.get(name)] == [
        "second_teacher",
        "teacher_shares",
    ]
    shutil.copytree(bundled("mini"), moved, dirs_exist_ok=True)
    assert {name for name, value in plan(moved).items() if value != one[name]} == {"teacher"}
