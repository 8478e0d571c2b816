"""`training.png`: left by every training, counted among its files, and never worth a run."""

import sys

import pytest

import sentemb
from sentemb import finetune, train
from sentemb.experiments import run_seeds
from sentemb.runs import training_picture
from sentemb.storage import read_owned

TEXTS = [f"Sentence number {number} is about {number} things." for number in range(16)]
SHORT = {"batch_size": 8, "max_steps": 2, "max_length": 16}
PNG = b"\x89PNG"


def drawn(folder):
    return (folder / "training.png").read_bytes()


def test_a_training_leaves_the_picture_that_plot_draws(pictures, tmp_path):
    run = train(data=TEXTS, output=tmp_path / "run", **SHORT)
    assert drawn(run.output) == sentemb.plot(run.output, tmp_path / "plot.png").read_bytes()
    assert "training.png" in read_owned(run.output).files
    train(data=TEXTS, output=tmp_path / "run", overwrite=True, **SHORT)
    assert drawn(run.output).startswith(PNG)
    assert not list(tmp_path.rglob("*.kept"))


def test_a_fine_tuning_leaves_one(pictures, tmp_path):
    data = [(text, str(place % 2)) for place, text in enumerate(TEXTS)]
    run = finetune(data, data, tmp_path / "run", batch_size=8, max_steps=2)
    assert drawn(run.output).startswith(PNG)


@pytest.mark.wide
def test_all_seeds_are_in_the_picture_of_their_folder(pictures, tmp_path):
    run_seeds(train, [0, 1], tmp_path / "runs", data=TEXTS, **SHORT)
    together = sentemb.plot(tmp_path / "runs", tmp_path / "plot.png").read_bytes()
    assert drawn(tmp_path / "runs") == together
    assert drawn(tmp_path / "runs/seed-0") != together
    assert "training.png" in read_owned(tmp_path / "runs").files


def test_a_picture_of_the_users_is_renamed(tmp_path, request):
    run = train(data=TEXTS, output=tmp_path / "run", **SHORT)
    (run.output / "training.png").write_text("mine")
    request.getfixturevalue("pictures")
    train(data=TEXTS, output=tmp_path / "run", overwrite=True, **SHORT)
    assert drawn(run.output).startswith(PNG)
    assert (run.output / "training.png.kept").read_text() == "mine"


def test_a_picture_that_cannot_be_drawn_is_one_warning(pictures, tmp_path, monkeypatch, caplog):
    def failing(*_):
        raise ValueError("no font")

    monkeypatch.setattr(training_picture, "draw_runs", failing)
    run = train(data=TEXTS, output=tmp_path / "run", **SHORT)
    warnings = [one.message for one in caplog.records if one.levelname == "WARNING"]
    assert len(warnings) == 1
    assert warnings[0].endswith("ValueError: no font")
    assert not (run.output / "training.png").exists()
    assert (run.output / "run.json").exists()


def test_a_temporary_folder_gets_none(pictures):
    run = train(data=TEXTS, **SHORT)
    assert not (run.output / "training.png").exists()


def test_without_matplotlib_there_is_none_and_it_is_not_imported(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(training_picture, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # an import would fail, with a warning
    run = train(data=TEXTS, output=tmp_path / "run", **SHORT)
    assert not (run.output / "training.png").exists()
    assert "training.png" not in caplog.text
