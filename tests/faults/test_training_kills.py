"""T1, T2: a run that is killed at any moment goes on as if it had not been."""

import pytest

from tests.support import driver
from tests.support.processes import NEEDS_STRACE


@pytest.fixture
def drive(tmp_path, monkeypatch, few_bundled):
    """Run what the driver does, and print what it counted."""
    monkeypatch.setenv("DRIVER_LOG", str(tmp_path / "log.txt"))

    def counted(work, *words):
        found = work(*words, tmp_path)
        print(found)
        return found

    return counted


def test_a_random_kill(drive):
    counted = drive(driver.kills, "moco", 0, 1)
    assert (counted["kills"], counted["differences"]) == (1, [])


@pytest.mark.long
def test_killed_at_renames_and_syncs_of_a_save(drive):
    """Every twenty-fifth call of those; make faults has every one, and those of the system."""
    counted = drive(driver.calls, "python", 25)
    assert counted["kills"] >= 2
    assert counted["resumed_from"].keys() <= {"2", "4"}
    assert counted["differences"] == []


@pytest.mark.long
def test_killed_while_it_overwrites_an_earlier_run(drive):
    """Every fiftieth change of a name; make faults has every one, and each call of the system."""
    counted = drive(driver.overwrite, "python", 50)
    assert counted["resumed"] >= 2


@pytest.mark.long
@pytest.mark.parametrize(
    "kind",
    ["python", *(pytest.param(k, marks=NEEDS_STRACE) for k in ("rename", "unlink", "write"))],
)
def test_killed_at_every_call_while_it_overwrites(drive, kind):
    counted = drive(driver.overwrite, kind, 1)
    assert counted["resumed"] >= 10


@pytest.mark.long
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("recipe", [*driver.RECIPES, "finetune"])
def test_twenty_random_kills(drive, recipe, workers):
    if recipe == "finetune" and workers:
        pytest.skip("finetune has no workers")
    counted = drive(driver.kills, recipe, workers, 20)
    assert (counted["kills"], counted["differences"]) == (20, [])


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "least"),
    [
        ("python", 40),
        pytest.param("rename", 10, marks=NEEDS_STRACE),
        pytest.param("fsync", 28, marks=NEEDS_STRACE),
        pytest.param("write", 50, marks=NEEDS_STRACE),
    ],
)
def test_killed_at_the_nth_call(drive, kind, least):
    """Every one, and about as many as a save makes."""
    counted = drive(driver.calls, kind, 1)
    assert counted["kills"] >= least
    assert kind != "python" or counted["resumed_from"].keys() == {"2", "4"}
    assert counted["differences"] == []
