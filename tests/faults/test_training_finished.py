"""T24: a finished run removes its checkpoints; a kill at any moment leaves a finished run."""

import json
import os
import shutil
import signal
from contextlib import ExitStack
from dataclasses import replace

import pytest

from sentemb import train
from sentemb.errors import FinishedError, UsageError
from sentemb.runs.checkpoint_commit import read_commit
from sentemb.runs.conditions import ResumeCheck
from sentemb.runs.finished import remove_checkpoints
from sentemb.runs.output import last_checkpoint, prepare_output
from sentemb.runs.run_folder import CONDITIONS, is_record
from sentemb.storage import read_owned
from sentemb.storage.owned import LOCK, MANIFEST, damage
from sentemb.training import run as training
from tests.support.processes import NEEDS_STRACE, exit_code, forked, killed_at_call
from tests.support.runs import SETTINGS, cut, data, unsup

TWO = replace(SETTINGS, max_steps=2)
FOUR = SETTINGS
TRAIN = ("train", "--max-steps", 2, "--save-steps", 1, "--batch-size", 8, "--select", "last")
FINETUNE = ("finetune", "--epochs", 1, "--lr", 3e-4)


def ok(process):
    assert process.returncode == 0, process.stderr.decode()
    return process.stderr.decode()


def linked(folder, copy):
    """Copy a folder by hard links: what is written to it is renamed into place, so both differ."""
    return shutil.copytree(folder, copy, copy_function=os.link)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run that was killed between its record and the removal; notes are in its checkpoints."""
    folder = tmp_path_factory.mktemp("made") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "remove_checkpoints", lambda folder: None)
        train(unsup(), data(), folder, TWO)
    (folder / "checkpoints/checkpoint-2/1_Pooling/notes.txt").write_text("mine")
    return folder


@pytest.fixture
def run(made, tmp_path):
    return linked(made, tmp_path / "run")


@pytest.fixture
def kept(tmp_path):
    return train(unsup(), data(), tmp_path / "kept", replace(TWO, keep_checkpoints=True)).output


def notes(folder):
    return [path.read_text() for path in folder.rglob("notes.txt")]


def checkpoints_left(folder):
    return [path for path in folder.rglob("checkpoints/**/*")
            if path.is_file() and path.name != "notes.txt"]  # fmt: skip


def refused(folder, settings, **how):
    with pytest.raises(UsageError) as caught:
        train(unsup(), data(), folder, settings, resume=True, **how)
    return caught.value


@pytest.mark.wide
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(TRAIN, id="train"),
        pytest.param(FINETUNE, id="finetune", marks=pytest.mark.long),
    ],
)
def test_a_finished_run_keeps_its_checkpoints_only_when_asked(sentemb, tmp_path, words):
    ok(sentemb(*words, "-o", "out"))
    ok(sentemb(*words, "-o", "kept", "--keep-checkpoints"))
    assert not (tmp_path / "out/checkpoints").exists()
    assert last_checkpoint(tmp_path / "kept") is not None
    assert not (tmp_path / "kept" / CONDITIONS).exists()
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("out", "kept")]
    assert models[0] == models[1]
    for name in ("out", "kept"):
        process = sentemb(*words, "-o", name, "--resume")
        assert process.returncode == 2
        assert b"nothing is left to resume" in process.stderr
    assert last_checkpoint(tmp_path / "kept") is not None
    ok(sentemb(*words, "-o", "out", "--overwrite", "--keep-checkpoints"))
    assert not (tmp_path / "out" / CONDITIONS).exists()


def test_the_manifest_lists_no_checkpoint_of_a_finished_run(run):
    remove_checkpoints(run)
    assert checkpoints_left(run) == []
    assert notes(run) == ["mine"]
    listed = read_owned(run).files
    assert CONDITIONS in listed
    assert not any(name.startswith("checkpoints/") for name in listed)


def prepared(folder, conditions, **how):
    with ExitStack() as held:
        check = ResumeCheck(conditions, (), lambda checkpoint: True)
        prepare_output(folder, held, steps=2, check=check, **how)


def assert_finished(cut, conditions, copy):
    """A run that was killed in the removal is finished, can be resumed and overwritten."""
    assert is_record(cut / "run.json")
    assert damage(cut) is None
    linked(cut, copy)
    with pytest.raises(FinishedError, match="has taken all of its 2 steps"):
        prepared(cut, conditions, resume=True, overwrite=False)
    with pytest.raises(FinishedError, match="has taken all of its 2 steps"):
        prepared(cut, conditions, resume=True, overwrite=False)
    assert checkpoints_left(cut) == []
    assert (cut / CONDITIONS).exists()
    assert notes(cut) == ["mine"]
    prepared(copy, conditions, resume=False, overwrite=True)
    left = [path.name for path in copy.rglob("*") if path.is_file()]
    assert sorted(left) == sorted([LOCK, MANIFEST, "notes.txt"])


@pytest.mark.wide
@pytest.mark.parametrize("stride", [5, pytest.param(1, marks=pytest.mark.long)])
def test_killed_at_the_calls_of_the_removal(made, tmp_path, stride):
    conditions = read_commit(last_checkpoint(made))["conditions"]
    for call in range(1, 1000, stride):
        cut = linked(made, tmp_path / f"cut-{call}")
        code = exit_code(forked(lambda cut=cut: remove_checkpoints(cut), call))
        assert_finished(cut, conditions, tmp_path / f"over-{call}")
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert call > 30


@pytest.mark.long
@NEEDS_STRACE
@pytest.mark.parametrize("kind", ["unlink", "rename", "rmdir", "write"])
def test_killed_at_every_system_call_of_the_removal(made, tmp_path, kind):
    conditions = read_commit(last_checkpoint(made))["conditions"]
    for call in range(1, 1000):
        cut = linked(made, tmp_path / f"cut-{call}")
        passed = killed_at_call(kind, call, lambda cut=cut: remove_checkpoints(cut))
        assert_finished(cut, conditions, tmp_path / f"over-{call}")
        if passed:
            break
    assert call > 3


@pytest.mark.wide
def test_the_command_completes_the_removal_or_starts_afresh(sentemb, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(training, "remove_checkpoints", lambda folder: 1 / 0)
        assert sentemb(*TRAIN, "-o", "out").returncode == 70
    for name in ("before", "within"):
        shutil.copytree("out", name)
    killed = forked(lambda: remove_checkpoints(tmp_path / "within"), 12)
    assert exit_code(killed) == -signal.SIGKILL
    assert (tmp_path / "within" / CONDITIONS).exists()
    assert checkpoints_left(tmp_path / "within") != []
    shutil.copytree("within", "again")
    for name in ("before", "within"):
        process = sentemb(*TRAIN, "-o", name, "--resume")
        assert process.returncode == 2
        assert b"has taken all of its 2 steps" in process.stderr
        assert not (tmp_path / name / "checkpoints").exists()
    ok(sentemb(*TRAIN, "-o", "again", "--seed", 7, "--overwrite"))
    assert json.loads((tmp_path / "again/run.json").read_text())["settings"]["seed"] == 7
    assert not (tmp_path / "again/checkpoints").exists()


@pytest.mark.wide
def test_a_finished_run_is_extended_only_from_a_checkpoint(kept, tmp_path):
    short = train(unsup(), data(), tmp_path / "run", TWO).output
    for allowed in ((), ("max_steps",)):
        said = str(refused(short, FOUR, allow_changed=allowed))
        assert "was started otherwise: max_steps was 2, is now 4. Its checkpoints were" in said
        assert "removed when it finished" in said
        assert "train again with `keep_checkpoints=True`" in said
        assert f"with `model={short}`" in said
        assert "allow" not in said
    assert "with `allow_changed=['max_steps']`" in str(refused(kept, FOUR))
    assert train(unsup(), data(), kept, FOUR, resume=True, allow_changed=["max_steps"]).steps == 4
    assert not (kept / "checkpoints").exists()


@pytest.mark.wide
def test_finetune_is_extended_only_from_a_checkpoint(sentemb):
    longer = ("finetune", "--epochs", 2, "--lr", 3e-4, "--resume")
    ok(sentemb(*FINETUNE, "-o", "out"))
    process = sentemb(*longer, "-o", "out", "--allow-changed", "epochs")
    assert process.returncode == 2
    assert b"epochs was 1.0, is now 2.0. Its checkpoints were removed" in process.stderr
    assert b"train again with --keep-checkpoints and --overwrite" in process.stderr
    ok(sentemb(*FINETUNE, "-o", "kept", "--keep-checkpoints"))
    ok(sentemb(*longer, "-o", "kept", "--allow-changed", "epochs"))


def test_other_conditions_of_a_finished_run_are_told(tmp_path, caplog):
    folder = train(unsup(), data(), tmp_path / "run", TWO).output
    other = replace(TWO, learning_rate=0.5)
    error = refused(folder, other)
    assert not isinstance(error, FinishedError)
    assert "learning_rate was 0.001, is now 0.5. Its checkpoints" in str(error)
    assert isinstance(refused(folder, other, allow_changed=["learning_rate"]), FinishedError)
    assert "finished: learning_rate was 0.001, is now 0.5." in caplog.text
    free = replace(TWO, save_steps=2, max_bad_steps=9, keep_checkpoints=True)
    assert isinstance(refused(folder, free), FinishedError)


def test_an_extension_that_was_cut_before_its_model_is_no_finished_run(kept, monkeypatch):
    """Its last checkpoint is there, and the record is of the shorter run."""
    how = {"resume": True, "allow_changed": ["max_steps"]}
    shorter = (kept / "model.safetensors").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(training, "_publish", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(unsup(), data(), kept, FOUR, **how)
    assert last_checkpoint(kept).name == "checkpoint-4"
    assert train(unsup(), data(), kept, FOUR, **how).steps == 4
    assert (kept / "model.safetensors").read_bytes() != shorter
    assert json.loads((kept / "run.json").read_text())["steps"] == 4


def test_a_run_that_is_continued_is_not_taken_for_a_finished_one(run, monkeypatch):
    """The removal was interrupted and the model damaged since: a checkpoint restores it."""
    (run / "checkpoints/checkpoint-2/1_Pooling/notes.txt").unlink()
    whole = (run / "model.safetensors").read_bytes()
    assert exit_code(forked(lambda: remove_checkpoints(run), 12)) == -signal.SIGKILL
    (run / "model.safetensors").unlink()
    (run / "model.safetensors").write_bytes(b"x")
    with monkeypatch.context() as patch:
        patch.setattr(training, "_publish", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(unsup(), data(), run, TWO, resume=True)
    assert not (run / CONDITIONS).exists()
    train(unsup(), data(), run, TWO, resume=True)
    assert (run / "model.safetensors").read_bytes() == whole
    assert not (run / "checkpoints").exists()


def test_a_removal_that_fails_is_a_warning_and_is_repeated(run, monkeypatch, caplog):
    conditions = read_commit(last_checkpoint(run))["conditions"]

    def fails(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", fails)
        remove_checkpoints(run)
    assert "checkpoints could not be removed: " in caplog.text
    assert "No space left on device. Resume it (`resume=True`)" in caplog.text
    assert checkpoints_left(run) != []
    with pytest.raises(FinishedError):
        prepared(run, conditions, resume=True, overwrite=False)
    assert checkpoints_left(run) == []


def test_checkpoints_behind_a_link_stay(run, tmp_path, caplog):
    conditions = read_commit(last_checkpoint(run))["conditions"]
    (run / "checkpoints").rename(tmp_path / "elsewhere")
    (run / "checkpoints").symlink_to(tmp_path / "elsewhere")
    remove_checkpoints(run)
    assert "is a link: the checkpoints are not removed" in caplog.text
    assert last_checkpoint(run).name == "checkpoint-2"
    assert not (run / CONDITIONS).exists()
    with pytest.raises(FinishedError):
        prepared(run, conditions, resume=True, overwrite=False)


def test_a_file_of_the_users_with_the_name_of_the_conditions_is_renamed(tmp_path, caplog):
    (tmp_path / "run").mkdir()
    cut(unsup(), tmp_path / "run", batches=1, settings=TWO)
    manifest = json.loads((tmp_path / "run" / MANIFEST).read_text())
    del manifest["files"][CONDITIONS]
    (tmp_path / "run" / MANIFEST).write_text(json.dumps(manifest))
    (tmp_path / "run" / CONDITIONS).write_text("mine")
    train(unsup(), data(), tmp_path / "run", TWO, resume=True)
    assert (tmp_path / "run" / f"{CONDITIONS}.kept").read_text() == "mine"
