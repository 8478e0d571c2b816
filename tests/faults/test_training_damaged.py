"""T20, T21: what a run left is damaged or forged; the resume restores it, or names it and stops."""

import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from sentemb.runs.checkpoint_commit import COMMIT, commit
from sentemb.storage import remove_tree
from sentemb.storage.owned import print_of

ROWS = "".join(f"A sentence of its own, number {n * n}.\n" for n in range(24))
TRAIN = ("train", "--data", "rows.txt", "--batch-size", 8, "--save-steps", 1, "--max-length", 16,
         "--keep-checkpoints")  # fmt: skip
RESUME = (*TRAIN, "--max-steps", 2, "-o", "out", "--resume")
LONGER = (*TRAIN, "--max-steps", 3, "-o", "out", "--resume", "--allow-changed", "max-steps")


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    return tmp_path_factory.mktemp("ended") / "out"


@pytest.fixture
def out(sentemb, ended, tmp_path):
    """A run of two steps that has ended, each test its own."""
    (tmp_path / "rows.txt").write_text(ROWS)
    if not ended.exists():
        assert sentemb(*TRAIN, "--max-steps", 2, "-o", ended).returncode == 0
    return shutil.copytree(ended, tmp_path / "out")


def edited(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    if path.name == COMMIT:  # as of an earlier version, which did not note a hash of it
        content.pop("sha256", None)
    path.write_text(json.dumps(content))


def edited_tensors(path, edit):
    content = torch.load(path, weights_only=True)
    edit(content)
    torch.save(content, path)


def forged(checkpoint):
    """Make the commit of a checkpoint agree with what is there now."""

    def agree(content):
        for name in content["files"]:
            if (checkpoint / name).exists():
                content["files"][name] = print_of(checkpoint / name)

    edited(checkpoint / COMMIT, agree)


def refused(process, *words):
    shown = process.stderr.decode()
    assert process.returncode == 3, shown
    for word in words:
        assert word in shown
    assert "weights_only" not in shown
    assert "internal error" not in shown
    assert shown.count("error: ") == 1


class Runs:
    """A pickle that would run a command."""

    def __reduce__(self):
        return os.system, ("touch canary",)


def first_state(content):
    return content["state"][0]


OPTIMIZERS = {
    "a shape": lambda c: first_state(c).update(exp_avg=torch.zeros(3)),
    "a dtype": lambda c: first_state(c).update(exp_avg=torch.zeros(8192, 96, dtype=torch.long)),
    "a name less": lambda c: first_state(c).pop("exp_avg_sq"),
    "a name more": lambda c: first_state(c).update(more=torch.zeros(1)),
    "no tensor": lambda c: first_state(c).update(exp_avg="x"),
    "a step": lambda c: first_state(c).update(step=torch.tensor(-1.0)),
    "a group less": lambda c: c["param_groups"].pop(),
    "a rate of text": lambda c: c["param_groups"][0].update(lr="x"),
    "a rate of nan": lambda c: c["param_groups"][0].update(lr=float("nan")),
    "betas": lambda c: c["param_groups"][0].update(betas=(1.0, 1.0)),
    "another flag": lambda c: c["param_groups"][0].update(amsgrad=True),
    "other parameters": lambda c: c["param_groups"][0].update(params=[0, 0]),
    "an unknown parameter": lambda c: c["state"].update({999: first_state(c)}),
    "no state": lambda c: c.pop("state"),
}
SCHEDULERS = {
    "a method": lambda c: c.update(step=3),
    "rates": lambda c: c.update(base_lrs=[]),
    "text": lambda c: c.update(last_epoch="x"),
    "too large": lambda c: c.update(last_epoch=10**400),
    "nothing": lambda c: c.clear(),
}
STATES = {
    "a step": lambda c: c.update(global_step=10**9),
    "a step of text": lambda c: c.update(global_step="2"),
    "an epoch": lambda c: c.update(epoch=None),
    "an endless epoch": lambda c: c.update(epoch=float("inf")),
    "a log of text": lambda c: c.update(log_history="x"),
    "a line without a step": lambda c: c.update(log_history=[{"loss": 1}]),
    "a line of text": lambda c: c.update(log_history=[{"loss": "x", "step": 1}]),
    "flos": lambda c: c.update(total_flos="x"),
    "an unknown name": lambda c: c.update(__class__="x"),
    "the best": lambda c: c.update(best_metric="x"),
}
LOGS = {
    "text": lambda c: c.update(loss="x"),
    "a name less": lambda c: c.pop("began"),
    "rows": lambda c: c.update(micro_batch=-4),
    "terms": lambda c: c.update(terms={"loss": [[1, 2]]}),
    "seconds": lambda c: c.update(seconds=float("nan")),
    "skipped": lambda c: c.update(skipped_steps="x"),
}
FORGED = [
    *(("optimizer.pt", what, edited_tensors, edit) for what, edit in OPTIMIZERS.items()),
    *(("scheduler.pt", what, edited_tensors, edit) for what, edit in SCHEDULERS.items()),
    *(("trainer_state.json", what, edited, edit) for what, edit in STATES.items()),
    *(("log_state.json", what, edited, edit) for what, edit in LOGS.items()),
]
SOME = [one for n, one in enumerate(FORGED) if n % 12 == 0]
NAMES = ("name", "what", "how", "edit")


def ids(cases):
    return {"argvalues": cases, "ids": [f"{name}: {what}" for name, what, *_ in cases]}


def tried(sentemb, out, name, edit, how):
    how(out / "checkpoints/checkpoint-2" / name, edit)
    forged(out / "checkpoints/checkpoint-2")
    refused(sentemb(*LONGER), f"checkpoint-2/{name}' cannot be resumed from", "--overwrite")


@pytest.mark.sampled
@pytest.mark.parametrize(NAMES, **ids(SOME))
def test_a_forged_state_is_named(sentemb, out, name, what, how, edit):
    tried(sentemb, out, name, edit, how)


@pytest.mark.long
@pytest.mark.parametrize(NAMES, **ids(FORGED))
def test_every_forged_state_is_named(sentemb, out, name, what, how, edit):
    tried(sentemb, out, name, edit, how)


@pytest.mark.sampled
@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_pickle_in_a_state_does_not_run(sentemb, out, name):
    torch.save({"state": Runs(), "param_groups": []}, out / "checkpoints/checkpoint-2" / name)
    forged(out / "checkpoints/checkpoint-2")
    refused(sentemb(*LONGER), f"checkpoint-2/{name}' cannot be resumed from")
    assert not (out.parent / "canary").exists()


def test_a_state_that_no_commit_lists_is_needed(sentemb, out):
    checkpoint = out / "checkpoints/checkpoint-2"
    for name in ("rng_state.pth", "optimizer.pt"):
        (checkpoint / name).unlink()
        edited(checkpoint / COMMIT, lambda content, name=name: content["files"].pop(name))
        refused(sentemb(*LONGER), f"checkpoint-2/{name}' cannot be resumed from")


def test_weights_of_another_model_in_a_checkpoint(sentemb, out):
    checkpoint = out / "checkpoints/checkpoint-2"
    tensors = load_file(checkpoint / "method.safetensors")
    save_file({"other": torch.zeros(2), **tensors}, checkpoint / "method.safetensors")
    forged(checkpoint)
    (out / "run.json").unlink()
    refused(sentemb(*RESUME), "checkpoint-2 does not fit this method")


@pytest.mark.parametrize(
    "content", ["{", pytest.param('{"schema": "sentemb.checkpoint/1"}', marks=pytest.mark.long)]
)
def test_a_damaged_commit_leads_to_the_checkpoint_before(sentemb, out, content):
    (out / "checkpoints/checkpoint-2" / COMMIT).write_text(content)
    process = sentemb(*LONGER)
    assert process.returncode == 0, process.stderr.decode()
    assert b"checkpoint-2.incomplete: COMMIT.json is damaged" in process.stderr


@pytest.mark.parametrize("name", ["conditions", pytest.param("versions", marks=pytest.mark.long)])
def test_a_commit_without_its_conditions_leads_to_the_one_before(sentemb, out, name):
    edited(out / "checkpoints/checkpoint-2" / COMMIT, lambda c: c.update({name: "x"}))
    process = sentemb(*LONGER)
    assert process.returncode == 0, process.stderr.decode()
    assert b"checkpoint-2.incomplete: COMMIT.json is damaged" in process.stderr


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff\n[]\n",
        *(pytest.param(one, marks=pytest.mark.long) for one in (b"", b'{"step": 1}\n')),
    ],
)
def test_a_damaged_log_is_restored_and_said(sentemb, out, damage):
    whole = (out / "metrics.jsonl").read_text().splitlines()
    (out / "metrics.jsonl").write_bytes(damage)
    process = sentemb(*LONGER)
    assert process.returncode == 0, process.stderr.decode()
    assert b"metrics.jsonl' was damaged or incomplete: its lines up to step 2" in process.stderr
    lines = (out / "metrics.jsonl").read_text().splitlines()
    assert lines[:2] == whole[:2]
    assert json.loads(lines[2])["step"] == 3


def test_a_log_that_is_whole_is_not_mentioned(sentemb, out):
    process = sentemb(*LONGER)
    assert process.returncode == 0
    assert b"damaged" not in process.stderr


@pytest.mark.parametrize(
    "content", ["", *(pytest.param(one, marks=pytest.mark.long) for one in ("[1]", "\xff"))]
)
def test_a_damaged_record_is_made_again(sentemb, out, content):
    weights = (out / "model.safetensors").read_bytes()
    (out / "run.json").write_text(content, encoding="latin-1")
    process = sentemb("info", "out")
    assert process.returncode == 3
    assert b"run.json' is damaged" in process.stderr
    process = sentemb(*RESUME)
    assert process.returncode == 0, process.stderr.decode()
    assert b"'out' is made again from its last checkpoint: run.json is damaged" in process.stderr
    assert (out / "model.safetensors").read_bytes() == weights
    assert sentemb("info", "out").returncode == 0


def test_damaged_weights_of_a_run_that_ended_are_made_again(sentemb, out):
    weights = (out / "model.safetensors").read_bytes()
    (out / "model.safetensors").write_bytes(b"x")
    process = sentemb(*RESUME)
    assert process.returncode == 0, process.stderr.decode()
    assert b"model.safetensors has 1 bytes, not" in process.stderr
    assert (out / "model.safetensors").read_bytes() == weights
    (out / "model.safetensors").write_bytes(b"x")
    shutil.rmtree(out / "checkpoints")
    refused(sentemb(*RESUME), "model.safetensors has 1 bytes", "start afresh (--overwrite)")


def test_seeds_do_not_keep_a_damaged_one(sentemb, out):
    words = (*TRAIN, "--max-steps", 1, "--seeds", "0-1", "-o", "seeds")
    assert sentemb(*words).returncode == 0
    seeds = out.parent / "seeds"
    weights = (seeds / "seed-0/model.safetensors").read_bytes()
    (seeds / "seed-0/model.safetensors").write_bytes(b"x")
    (seeds / "seed-1/run.json").write_text("{")
    process = sentemb(*words, "--resume")
    assert process.returncode == 0, process.stderr.decode()
    assert process.stderr.count(b"is made again from its last checkpoint") == 2
    assert (seeds / "seed-0/model.safetensors").read_bytes() == weights
    assert json.loads((seeds / "seed-1/run.json").read_text())["steps"] == 1


def test_a_checkpoint_that_is_a_link_is_not_used_and_not_removed(sentemb, out):
    elsewhere = out.parent / "elsewhere"
    shutil.move(out / "checkpoints/checkpoint-2", elsewhere)
    (out / "checkpoints/checkpoint-2").symlink_to(elsewhere)
    process = sentemb(*LONGER)
    assert process.returncode == 0, process.stderr.decode()
    assert b"checkpoint-2' is not used: it is a link" in process.stderr
    assert (elsewhere / COMMIT).exists()


def test_a_commit_that_names_files_elsewhere_removes_none_of_them(out):
    (out / "notes.txt").write_text("mine")
    commit(out / "checkpoints/checkpoint-2", {})
    names = {"../../notes.txt": {}, str(out / "notes.txt"): {}}
    edited(out / "checkpoints/checkpoint-2" / COMMIT, lambda c: c["files"].update(names))
    remove_tree(out / "checkpoints/checkpoint-2")
    assert (out / "notes.txt").exists()
    assert not (out / "checkpoints/checkpoint-2").exists()
