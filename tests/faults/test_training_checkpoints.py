"""T4, T5, T10, T13, T14: what is resumed from is whole, and is the run that was started."""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from sentemb import train
from sentemb.errors import InputError, InterruptedRunError, StorageError, UsageError
from sentemb.runs import committed_trainer, conditions
from sentemb.runs.checkpoint_commit import commit, newest_whole, problem_of, rotate
from sentemb.runs.logs import read_metrics
from sentemb.runs.output import last_checkpoint
from sentemb.storage import locked
from tests.support.helpers import assert_bit_equal, state
from tests.support.runs import KEPT, SETTINGS, cut, data, dev, queued, unsup

TIMES = ("runtime", "per_second")


def lines(folder):
    return [{k: v for k, v in line.items() if not k.endswith(TIMES)}
            for line in read_metrics(folder / "metrics.jsonl")]  # fmt: skip


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two committed checkpoints of a run with a queue, and the run it would have been."""
    folder = tmp_path_factory.mktemp("two")
    cut(queued(), folder / "cut", batches=3)  # two of them, and the trial's
    whole = queued()
    train(whole, data(), folder / "whole", KEPT)
    return folder, state(whole)


def delete(path):
    path.unlink()


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


FILES = (
    *("COMMIT.json", "model.safetensors", "method.safetensors", "optimizer.pt", "scheduler.pt"),
    *("rng_state.pth", "trainer_state.json", "log_state.json", "modules.json", "tokenizer.json"),
    *("config.json", "tokenizer_config.json", "sentence_bert_config.json", "1_Pooling/config.json"),
    "config_sentence_transformers.json",
)


@pytest.mark.parametrize(
    "fault", [delete, *(pytest.param(one, marks=pytest.mark.long) for one in (truncate, flip))]
)
def test_every_damaged_file_is_named_and_the_checkpoint_before_it_used(
    two, tmp_path, caplog, fault
):
    folder = tmp_path / "checkpoints"
    for name in FILES:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(two[0] / "cut/checkpoints", folder)
        files = {str(p.relative_to(folder / "checkpoint-2"))
                 for p in (folder / "checkpoint-2").rglob("*") if p.is_file()}  # fmt: skip
        assert set(FILES) == files
        fault(folder / "checkpoint-2" / name)
        caplog.clear()
        assert newest_whole(folder) == folder / "checkpoint-1"
        assert f"checkpoint-2.incomplete: {name}" in caplog.text
        assert (folder / "checkpoint-2.incomplete").is_dir()


@pytest.mark.parametrize(
    "name", ["optimizer.pt", pytest.param("rng_state.pth", marks=pytest.mark.long)]
)
def test_a_resume_past_a_damaged_checkpoint_ends_as_the_whole_run(two, tmp_path, caplog, name):
    shutil.copytree(two[0] / "cut", tmp_path / "cut")
    (tmp_path / "cut/checkpoints/checkpoint-2" / name).unlink()
    resumed = queued()
    train(resumed, data(), tmp_path / "cut", SETTINGS, resume=True)
    assert f"{name} is missing" in caplog.text
    assert_bit_equal(two[1], state(resumed))


def test_names_of_what_is_set_aside_do_not_run_out(two, tmp_path):
    folder = tmp_path / "checkpoints"
    shutil.copytree(two[0] / "cut/checkpoints", folder)
    (folder / "checkpoint-2.incomplete").mkdir()
    delete(folder / "checkpoint-2/optimizer.pt")
    newest_whole(folder)
    assert (folder / "checkpoint-2.incomplete-2/model.safetensors").exists()


def test_what_was_set_aside_goes_once_the_run_is_past_it(two, tmp_path, caplog):
    folder = tmp_path / "cut/checkpoints"
    shutil.copytree(two[0] / "cut", tmp_path / "cut")
    (tmp_path / "elsewhere").mkdir()
    not_ours = ("checkpoint-1.incomplete-old", "my-checkpoint-1.incomplete", "checkpoint-1.bak")
    for name in ("checkpoint-1.incomplete", "checkpoint-1.incomplete-2", *not_ours):
        (folder / name).mkdir()
    (folder / "checkpoint-1.incomplete-3").symlink_to(tmp_path / "elsewhere")
    delete(folder / "checkpoint-2/COMMIT.json")  # torn
    caplog.set_level("INFO", "sentemb")
    train(queued(), data(), tmp_path / "cut", KEPT, resume=True)
    assert {path.name for path in folder.iterdir()} == {
        *("checkpoint-3", "checkpoint-4", "checkpoint-1.incomplete-3", *not_ours)
    }
    removed = [line for line in caplog.messages if line.startswith("Removed")]
    assert removed == [
        "Removed checkpoint-1.incomplete, checkpoint-1.incomplete-2: checkpoint-1 is whole.",
        "Removed checkpoint-2.incomplete: checkpoint-2 is whole.",
    ]


def test_when_nothing_is_whole_it_is_said_and_the_run_begins_anew(two, tmp_path, caplog):
    shutil.copytree(two[0] / "cut", tmp_path / "cut")
    for step in (1, 2):
        delete(tmp_path / f"cut/checkpoints/checkpoint-{step}/model.safetensors")
    resumed = queued()
    train(resumed, data(), tmp_path / "cut", SETTINGS, resume=True)
    assert caplog.text.count("model.safetensors is missing") == 2
    assert "holds no whole checkpoint: the run starts at step 0" in caplog.text
    assert_bit_equal(two[1], state(resumed))


def test_a_damaged_best_checkpoint_is_no_model(tmp_path):
    settings = replace(SETTINGS, learning_rate=5e-3, eval_steps=1, max_steps=5)
    cut(unsup(), tmp_path / "run", 4, settings, dev=dev())
    text = (tmp_path / "run/checkpoints/checkpoint-4/trainer_state.json").read_text()
    best = json.loads(text)["best_global_step"]
    assert best < 4
    flip(tmp_path / f"run/checkpoints/checkpoint-{best}/model.safetensors")
    with pytest.raises(InputError, match=rf"checkpoint-{best}', is damaged: model.safetensors"):
        train(unsup(), data(), tmp_path / "run", settings, dev=dev(), resume=True)


@contextmanager
def full_disk(folder):
    """Leave 4 MB of a small file system free; without mounts, let no file be larger than 4 MB."""
    mounted = shutil.which("mount") and os.geteuid() == 0
    command = ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(folder)]
    if mounted and subprocess.run(command, capture_output=True).returncode == 0:
        try:
            yield "mounted"
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
        return
    yield "limited"


def test_a_full_disk(two, tmp_path):
    """T5: the checkpoint before is intact, and the message says what is needed and free."""
    run = tmp_path / "disk/run"
    (tmp_path / "disk").mkdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with full_disk(tmp_path / "disk") as how:
        shutil.copytree(two[0] / "cut", run)
        if how == "mounted":
            free = shutil.disk_usage(run).free
            (run / "ballast").write_bytes(bytes(free - 4_000_000))
        else:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, before[1]))
        try:
            with pytest.raises(StorageError, match=r"needs about .* MB; .* MB were free") as caught:
                train(queued(), data(), run, SETTINGS, resume=True)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert caught.value.exit_code == 4
        assert "The last good checkpoint is" in str(caught.value)
        assert problem_of(last_checkpoint(run)) is None
        assert {p.name for p in (run / "checkpoints").iterdir()} == {"checkpoint-1", "checkpoint-2"}
        (run / "ballast").unlink(missing_ok=True)
        resumed = queued()
        train(resumed, data(), run, SETTINGS, resume=True)
        assert_bit_equal(two[1], state(resumed))
    print(how)


def test_a_folder_that_cannot_be_synced_will_do(tmp_path, monkeypatch):
    """T15: some network file systems sync files only."""
    sync = os.fsync

    def of_files_only(handle):
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(handle)

    monkeypatch.setattr(os, "fsync", of_files_only)
    train(unsup(), data(), tmp_path / "run", replace(KEPT, max_steps=1))
    assert problem_of(last_checkpoint(tmp_path / "run")) is None


def test_a_file_that_cannot_be_synced_is_no_checkpoint(tmp_path, monkeypatch):
    def fails(handle):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(StorageError, match="Input/output error"):
        train(unsup(), data(), tmp_path / "run", SETTINGS)
    assert last_checkpoint(tmp_path / "run") is None


def test_files_have_the_mode_of_the_umask(two):
    umask = os.umask(0)
    os.umask(umask)
    modes = {
        path.stat().st_mode & 0o777 for path in (two[0] / "whole").rglob("*") if path.is_file()
    }
    assert modes == {0o666 & ~umask}


def test_a_second_run_is_refused_at_once(sentemb, tmp_path):
    """T10: before the model is loaded."""
    (tmp_path / "out").mkdir()
    with locked(tmp_path / "out/.lock", tmp_path / "out"):
        for command in (("train", "--max-steps", 2), ("finetune", "--epochs", 1)):
            for more in ((), ("--overwrite",), ("--resume",)):
                started = time.monotonic()
                process = sentemb(*command, *more, "-o", "out")
                assert process.returncode == 7
                assert time.monotonic() - started < 1
                assert b"Another run writes to 'out' (process" in process.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


def test_a_lock_that_nobody_holds_is_in_nobodys_way(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.lock").touch()
    one = replace(SETTINGS, max_steps=1)
    train(unsup(), data(), tmp_path / "out", one)
    inode = (tmp_path / "out/.lock").stat().st_ino
    train(unsup(), data(), tmp_path / "out", one, overwrite=True)
    assert (tmp_path / "out/.lock").stat().st_ino == inode


def test_checkpoints_rotate_by_step_whatever_the_clock_says(tmp_path):
    """T13: all of one time, and older ones with a later time."""
    for times in ((1, 1, 1, 1, 1), (5, 4, 3, 2, 1)):
        folder = tmp_path / str(times)
        for step, at in zip((8, 9, 10, 11, 100), times, strict=True):
            one = folder / f"checkpoint-{step}"
            one.mkdir(parents=True)
            (one / "weights").write_text(str(step))
            commit(one, {})
            os.utime(one, (at, at))
        assert newest_whole(folder).name == "checkpoint-100"
        rotate(folder, best_step=9)
        left = {path.name for path in folder.iterdir()}
        assert left == {"checkpoint-9", "checkpoint-11", "checkpoint-100"}


CHANGES = {
    "learning_rate": 2e-3,
    "batch_size": 4,
    "max_steps": 5,
    "max_length": 16,
    "seed": 7,
    "weight_decay": 0.1,
    "precision": "bf16",
    "accumulation": 2,
}


@pytest.mark.sampled
@pytest.mark.parametrize(
    "name",
    [
        name
        if name in ("learning_rate", "batch_size")
        else pytest.param(name, marks=pytest.mark.long)
        for name in CHANGES
    ],
)
def test_a_changed_option_is_refused_until_it_is_allowed(two, tmp_path, name, caplog):
    """T14: what was, and what is."""
    changed = replace(SETTINGS, **{name: CHANGES[name]})
    shutil.copytree(two[0] / "cut", tmp_path / "cut")
    shown = rf"{name} was .*, is now {CHANGES[name]}.*allow_changed=\['{name}'\]"
    with pytest.raises(UsageError, match=shown):
        train(queued(), data(), tmp_path / "cut", changed, resume=True)
    if name == "learning_rate":
        how = {"resume": True, "allow_changed": ["learning-rate"]}
        resumed = train(queued(), data(), tmp_path / "cut", changed, **how)
        assert resumed.steps == 4
        assert "learning_rate was 0.001, is now 0.002" in caplog.text
        rates = [line["learning_rate"] for line in resumed.history if "learning_rate" in line]
        whole = [line["learning_rate"] for line in read_metrics(two[0] / "whole/metrics.jsonl")
                 if "learning_rate" in line]  # fmt: skip
        assert rates[-1] == pytest.approx(2 * whole[-1], rel=1e-12) != 0


def test_other_data_another_model_another_method_are_refused(two, tmp_path):
    shutil.copytree(two[0] / "cut", tmp_path / "cut")
    fewer = replace(data(), rows=data().rows.select(range(43)))
    other = queued()
    with torch.no_grad():
        next(other.encoder.parameters()).add_(1)
    for method, rows, shown in (
        (queued(), fewer, "data was text: 44 rows, sha256 .*, is now text: 43 rows"),
        (other, data(), "model was .* weights, sha256 .*, is now"),
        (unsup(), data(), "twin was Momentum.*, is now Siamese"),
    ):
        with pytest.raises(UsageError, match=shown):
            train(method, rows, tmp_path / "cut", SETTINGS, resume=True)


def test_what_cannot_change_the_result_may_change(two, tmp_path):
    shutil.copytree(two[0] / "cut", tmp_path / "cut")
    free = replace(KEPT, workers=1, save_steps=9, eval_steps=9, on_collapse="stop")
    resumed = queued()
    train(resumed, data(), tmp_path / "cut", free, resume=True)
    assert_bit_equal(two[1], state(resumed))
    saved = {path.name for path in (tmp_path / "cut/checkpoints").iterdir()}
    assert saved == {"checkpoint-2", "checkpoint-4"}  # none at step 3


def test_an_unknown_name_is_refused(two, tmp_path):
    shutil.copytree(two[0] / "cut", tmp_path / "cut")
    how = {"resume": True, "allow_changed": ["learning"]}
    with pytest.raises(UsageError, match=r"takes one of .* Did you mean 'learning_rate'"):
        train(queued(), data(), tmp_path / "cut", SETTINGS, **how)


def test_other_versions_are_a_warning(two, tmp_path, caplog, monkeypatch):
    shutil.copytree(two[0] / "cut", tmp_path / "cut")
    monkeypatch.setattr(conditions, "versions", lambda: {"torch": "9.9"})
    train(queued(), data(), tmp_path / "cut", SETTINGS, resume=True)
    assert "is now 9.9: the run continues, but not bit for bit" in caplog.text


def tells(number):
    os.kill(os.getpid(), number)


LONG = pytest.mark.long


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("step", signal.SIGINT),
        pytest.param("evaluation", signal.SIGTERM, marks=LONG),
        pytest.param("save", signal.SIGTERM, marks=LONG),
        pytest.param("step", signal.SIGTERM, marks=LONG),
        pytest.param("evaluation", signal.SIGINT, marks=LONG),
        pytest.param("save", signal.SIGINT, marks=LONG),
    ],
)
def test_a_signal_at_any_moment(tmp_path, monkeypatch, number, moment):
    """T3: a checkpoint, the signal's exit code, and the run goes on as if it had not been."""
    settings = replace(SETTINGS, max_steps=5, save_steps=2, eval_steps=2, select="last")
    whole = queued()
    train(whole, data(), tmp_path / "whole", settings, dev=dev())
    method, watched = queued(), dev()
    if moment == "step":
        loss = method.loss
        method.loss = Told(loss, number)
    elif moment == "evaluation":
        watched = Told(dev(), number, at=2)
    else:
        monkeypatch.setattr(committed_trainer, "commit", Told(commit, number, at=1))
    with pytest.raises(InterruptedRunError, match="continue with `resume=True`") as caught:
        train(method, data(), tmp_path / "run", settings, dev=watched)
    assert caught.value.exit_code == 128 + number
    monkeypatch.undo()
    resumed = queued()
    train(resumed, data(), tmp_path / "run", settings, dev=dev(), resume=True)
    assert_bit_equal(state(whole), state(resumed))
    assert lines(tmp_path / "run") == lines(tmp_path / "whole")


class Told:
    """Something that gets a signal in its n-th call."""

    def __init__(self, function, number, at=4):
        self.function, self.number, self.left = function, number, at

    def __call__(self, *args):
        self.left -= 1
        if self.left == 0:
            tells(self.number)
        return self.function(*args)

    def __repr__(self):
        return repr(self.function)

    def __getattr__(self, name):
        return getattr(self.function, name)
