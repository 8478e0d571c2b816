"""Runs over their steps: what is drawn, and what cannot be."""

import json

import pytest

import sentemb
from sentemb.errors import InputError, UsageError

pytest.importorskip("matplotlib", reason="the plot extra is not installed")


def logged(folder, steps, **values):
    folder.mkdir(parents=True)
    lines = [{"step": s, "learning_rate": 1e-4 / (s + 1), **values} for s in range(0, steps, 5)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_runs_and_seeds_are_drawn_beside_each_other(tmp_path):
    from sentemb.plotting.training_curves import Trained, draw_training

    run = logged(tmp_path / "one", 40, loss=2.0, eval_spearman=61.0)
    for seed in range(3):
        logged(tmp_path / "many" / f"seed-{seed}", 30, loss=1.0 + seed)
    picture = sentemb.plot([run, tmp_path / "many"], tmp_path / "both.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
    history = [{"step": 0, "eval_spearman": 1.0}, {"step": 5, "loss": 2.0}]
    drawn = draw_training(tmp_path / "few.png", [Trained("x", [history], [0])], "title")
    assert drawn == ["loss", "eval_spearman"]


def test_a_run_that_is_still_written_is_drawn(tmp_path):
    run = logged(tmp_path / "run", 20, loss=1.0)
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 99, "lo')
    assert sentemb.plot(run, tmp_path / "cut.svg").read_text().startswith("<?xml")


def test_what_cannot_be_drawn_is_named(tmp_path):
    run = logged(tmp_path / "run", 20, loss=1.0)
    with pytest.raises(InputError, match="holds no run"):
        sentemb.plot(tmp_path, tmp_path / "x.png")
    with pytest.raises(UsageError, match="ends in"):
        sentemb.plot(run, tmp_path / "x.jpg")
    (tmp_path / "x.png").write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        sentemb.plot(run, tmp_path / "x.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "metrics.jsonl").write_text("")
    with pytest.raises(InputError, match="nothing was logged yet"):
        sentemb.plot(tmp_path / "empty", tmp_path / "y.png")
