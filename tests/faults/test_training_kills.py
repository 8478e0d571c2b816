"""T1, T2: a run that is killed at any moment goes on as if it had not been."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import driver
from tests.support.processes import NEEDS_STRACE


def drive(folder, *words):
    """Run the driver, and print what it counted."""
    log = folder / "log.txt"
    shared = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "DRIVER_LOG": str(log),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    command = [sys.executable, Path(driver.__file__), *map(str, words), folder]
    done = subprocess.run(command, env=shared, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + log.read_text()[-3000:]
    counted = json.loads(done.stdout)
    print(counted)
    return counted


def test_two_random_kills(tmp_path):
    counted = drive(tmp_path, "kills", "moco", 0, 2)
    assert (counted["kills"], counted["differences"]) == (2, [])


def test_killed_at_renames_and_syncs_of_a_save(tmp_path):
    """Every fourteenth call of those; make faults has every one, and those of the system."""
    counted = drive(tmp_path, "calls", "python", 14)
    assert counted["kills"] >= 3
    assert counted["resumed_from"].keys() == {"2", "4"}
    assert counted["differences"] == []


def test_killed_while_it_overwrites_an_earlier_run(tmp_path):
    """Every thirtieth change of a name; make faults has every one, and each call of the system."""
    counted = drive(tmp_path, "overwrite", "python", 30)
    assert counted["resumed"] >= 3


@pytest.mark.long
@pytest.mark.parametrize(
    "kind",
    ["python", *(pytest.param(k, marks=NEEDS_STRACE) for k in ("rename", "unlink", "write"))],
)
def test_killed_at_every_call_while_it_overwrites(tmp_path, kind):
    counted = drive(tmp_path, "overwrite", kind, 1)
    assert counted["resumed"] >= 10


@pytest.mark.long
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("recipe", [*driver.RECIPES, "finetune"])
def test_twenty_random_kills(tmp_path, recipe, workers):
    if recipe == "finetune" and workers:
        pytest.skip("finetune has no workers")
    counted = drive(tmp_path, "kills", recipe, workers, 20)
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
def test_killed_at_the_nth_call(tmp_path, kind, least):
    """Every one, and about as many as a save makes."""
    counted = drive(tmp_path, "calls", kind, 1)
    assert counted["kills"] >= least
    assert counted["differences"] == []
