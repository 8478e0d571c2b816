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


@pytest.mark.parametrize(
    ("seeds", "words"), [(1, "one seed: no spread is known"), (3, "deviation over 3 seeds")]
)
def test_pictures_say_what_was_trained_and_of_how_many_seeds(monkeypatch, tmp_path, seeds, words):
    from sentemb.plotting import curves

    figures = []
    monkeypatch.setattr(curves, "save", lambda figure, path: figures.append(figure))
    numbers = {"spearman": (61.0, 0.5)}
    curve = curves.Curve("infonce", [(0.05, numbers), (0.5, numbers)])
    curves.draw_curves(tmp_path / "a.png", "temperature", [curve], {}, "from mini", seeds)
    curves.draw_dots(tmp_path / "b.png", {"infonce": numbers}, "from mini", seeds)
    assert [figure.get_suptitle().split("\n")[0] for figure in figures] == ["from mini"] * 2
    legend = figures[0].axes[-1].get_legend().get_title().get_text()
    assert words in legend
    assert words in figures[1].get_suptitle()


def test_panels_that_are_compared_share_their_axes():
    from sentemb.plotting.style import panels

    _, (first, second) = panels(2, alike=True)
    second.set_xlim(0, 7)
    second.set_ylim(0, 9)
    assert (first.get_xlim(), first.get_ylim()) == ((0, 7), (0, 9))


def test_a_title_names_what_is_the_same_of_all_runs(monkeypatch, tmp_path):
    from sentemb.plotting import training_curves

    titles = []
    monkeypatch.setattr(
        training_curves, "save", lambda figure, path: titles.append(figure.get_suptitle())
    )
    record = {"method": "moco", "model": "mini", "best_step": 5, "settings": {"seed": 7}}
    for number, steps in enumerate((10, 20)):
        run = logged(tmp_path / f"run-{number}", steps, loss=1.0, eval_spearman=60.0)
        (run / "run.json").write_text(json.dumps(record | {"steps": steps}))
    runs = [tmp_path / "run-0", tmp_path / "run-1"]
    sentemb.plot(runs[0], tmp_path / "a.png")
    sentemb.plot(runs, tmp_path / "b.png")
    circle = "circle: the step that became the model"
    assert titles[0] == f"moco, from mini, 10 steps, one seed (7)\n{circle}"
    assert titles[1] == f"moco, from mini, one seed (7)\n{circle}"
