"""`dry_run`: what it says is what the training does, and nothing is left of it."""

import json

import pytest

from sentemb import Settings, methods, train
from sentemb.errors import UsageError
from tests.support import encoders
from tests.support.helpers import state

TEXTS = [f"Sentence number {number} is about {number} things." for number in range(21)]
LONG = " ".join(["word"] * 40)
DEV = [("One is here.", "One is there.", 4.0), ("A dog.", "Nothing.", 0.0), ("A.", "A.", 5.0)]
SHORT = {"batch_size": 4, "max_length": 16, "epochs": 2, "eval_steps": 4}


def test_it_says_what_the_training_then_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = [*TEXTS, "", LONG]
    plan = train(data=data, dev=DEV, dry_run=True, **SHORT)
    assert list(tmp_path.iterdir()) == []
    run = train(data=data, dev=DEV, **SHORT)
    evaluated = [line for line in run.history if "eval_spearman" in line]
    assert (plan.rows, plan.empty_rows) == (run.rows, run.empty_rows) == (22, 1)
    assert (plan.batches, plan.rows_left_over) == (5, run.rows_left_over)
    assert (plan.steps, plan.evaluations) == (run.steps, len(evaluated)) == (10, 4)
    assert plan.truncated_rows == run.truncated_texts == 1
    assert plan.longest_tokens == 42  # with the special ones
    assert 10 < plan.mean_tokens < 16
    assert plan.seconds_a_step > 0
    assert plan.seconds_an_evaluation > 0
    estimate = 10 * plan.seconds_a_step + 4 * plan.seconds_an_evaluation
    assert plan.seconds == pytest.approx(estimate, abs=0.06)
    assert 50e6 < plan.peak_memory_bytes < 50e9
    shown = repr(plan)
    assert "22; left out: 1 empty" in shown
    assert "10; an epoch has 5 batches of 4 rows, 2 rows are left over" in shown


@pytest.mark.sampled
@pytest.mark.parametrize("name", ["simcse_unsup", "moco"])
def test_the_method_stays_as_it_is(name):
    method = getattr(methods, name)(encoders.mini())
    before, mode = state(method), method.training
    plan = train(method, TEXTS, settings=Settings(batch_size=4, max_length=16), dry_run=True)
    after = state(method)
    assert all((after[key] == before[key]).all() for key in before)
    assert before.keys() == after.keys()
    assert method.training == mode
    assert plan.evaluations == 0
    assert plan.seconds_an_evaluation == 0


def test_a_teacher_can_be_tried(tmp_path):
    plan = train("distill", TEXTS, teacher="mini-sentemb", dry_run=True, batch_size=4)
    assert plan.steps == 15


def test_what_a_training_refuses_is_refused():
    with pytest.raises(UsageError, match="larger than the data"):
        train(data=TEXTS, batch_size=64, dry_run=True)


def test_the_command_prints_it_and_writes_nothing(sentemb, tmp_path):
    few = ["--batch-size", 16, "--max-length", 16, "--eval-steps", 100, "-o", tmp_path / "out"]
    done = sentemb("train", "--dry-run", *few)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"dry run: nothing was written\nrows    130; left out: 0 empty")
    done = sentemb("train", "--dry-run", "--json", "--seeds", "3-5", *few)
    found = json.loads(done.stdout)
    assert found["schema"] == "sentemb.dry-run/1"
    assert (found["rows"], found["steps"], found["evaluations"]) == (130, 8, 2)
    assert found["seeds"] == [3, 4, 5]
    assert not (tmp_path / "out").exists()
