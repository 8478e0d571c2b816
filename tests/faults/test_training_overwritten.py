"""T19: what replaces an earlier run removes the files of that run, and nothing else."""

import json
import os
import re
import shutil

import pytest

from sentemb.storage.owned import MANIFEST
from sentemb.training.checkpoints import save_encoder

ROWS = "".join(f"A sentence of its own, number {n * n}.\n" for n in range(24))
TRAIN = ("train", "--data", "rows.txt", "--batch-size", 8, "--max-steps", 1, "-o", "out")
USERS = {
    "metrics.jsonl": "{}\n",
    "run.json": "{}",
    "seeds.json": "{}",
    "plan.json": "{}",
    "checkpoints/checkpoint-1/weights": "mine",
    "seed-data/rows.txt": ROWS,
    "results/a.json": "{}",
    "train.txt": ROWS,
}


def contents(folder):
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def rows(tmp_path):
    (tmp_path / "rows.txt").write_text(ROWS)


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    return tmp_path_factory.mktemp("ended") / "out"


@pytest.fixture
def out(sentemb, rows, ended, tmp_path):
    """A run that has ended, with notes of the user's beside it; each test its own."""
    if not ended.exists():
        assert sentemb(*TRAIN[:-1], ended, "--keep-checkpoints").returncode == 0
    shutil.copytree(ended, tmp_path / "out")
    for name in NOTES:
        (tmp_path / "out" / name).write_text("mine")
    return tmp_path / "out"


NOTES = ("notes.txt", "1_Pooling/notes.txt", "checkpoints/notes.txt", "checkpoint-9",
         "checkpoints/checkpoint-1/notes.txt")  # fmt: skip


def ok(process):
    assert process.returncode == 0, process.stderr.decode()
    return process.stderr.decode()


@pytest.mark.sampled
@pytest.mark.parametrize(
    "kept",
    [
        "run.json",
        pytest.param("plan.json", marks=pytest.mark.long),
        pytest.param("checkpoints/checkpoint-1/weights", marks=pytest.mark.long),
        None,
    ],
    ids=str,
)
def test_a_folder_of_the_users_is_refused(sentemb, rows, tmp_path, kept):
    """Whatever single file of it has a name that runs use, or all of them."""
    for name, content in USERS.items():
        if kept in (name, None) or name == "train.txt":
            (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "out" / name).write_text(content)
    before = contents(tmp_path / "out")
    for command in (TRAIN, ("finetune", "-o", "out"), ("study", "temperature", "-o", "out")):
        for how in (("--overwrite",), ("--overwrite", "--seeds", "1"), ("--resume",)):
            if command[0] == "study" and "--overwrite" not in how:
                continue
            process = sentemb(*command, *how)
            assert process.returncode == 2, process.stderr.decode()
            assert re.search(rb"holds no|did not list its files", process.stderr)
    assert contents(tmp_path / "out") == before


def test_notes_beside_a_run_and_in_it_stay(sentemb, out):
    ok(sentemb(*TRAIN, "--seed", 7, "--overwrite"))
    found = [path for path in out.rglob("*") if path.is_file() and path.read_bytes() == b"mine"]
    assert len(found) == len(NOTES)
    assert json.loads((out / "run.json").read_text())["settings"]["seed"] == 7
    assert not any("incomplete" in str(path) for path in out.rglob("*"))


def test_a_run_of_a_version_without_manifests(sentemb, out):
    (out / MANIFEST).unlink()
    ok(sentemb(*TRAIN, "--seed", 7, "--overwrite"))
    assert (out / "notes.txt").exists()
    assert (out / "checkpoints/notes.txt").exists()
    assert json.loads((out / "run.json").read_text())["settings"]["seed"] == 7


@pytest.mark.parametrize(
    "read",
    ["--data out/metrics.jsonl", "--data out/../out/README.md", "--data link.txt", "--dev two.txt",
     "--model out", "--model out/checkpoints/checkpoint-1", "--model linked",
     "--dev folder/run.json"],
)  # fmt: skip
def test_what_is_read_is_not_removed(sentemb, out, tmp_path, read):
    os.symlink("out/README.md", "link.txt")
    os.symlink("link.txt", "two.txt")
    os.symlink("out/checkpoints/checkpoint-1", "linked")
    os.symlink("out", "folder")
    before = contents(out)
    process = sentemb(*TRAIN, "--overwrite", *read.split())
    assert process.returncode == 2, process.stderr.decode()
    assert f"'{read.split()[1]}' is read by this run, and --overwrite" in process.stderr.decode()
    assert contents(out) == before
    process = sentemb("finetune", "-o", "out", "--overwrite", *read.split())
    assert process.returncode == 2
    assert contents(out) == before


def test_data_beside_a_run_can_be_read(sentemb, out):
    (out / "rows.txt").write_text(ROWS)
    ok(sentemb(*TRAIN, "--data", "out/rows.txt", "--overwrite"))
    assert (out / "rows.txt").read_text() == ROWS


def test_a_link_in_the_place_of_the_checkpoints(sentemb, out, tmp_path):
    shutil.move(out / "checkpoints", tmp_path / "elsewhere")
    (out / "checkpoints").symlink_to(tmp_path / "elsewhere")
    before = contents(tmp_path)
    process = sentemb(*TRAIN, "--overwrite")
    assert process.returncode == 2
    assert b"'out/checkpoints' is a link" in process.stderr
    assert contents(tmp_path) == before


@pytest.mark.parametrize("how", ["--resume", "--overwrite"])
def test_a_removal_that_was_cut_is_finished(sentemb, out, how):
    content = json.loads((out / MANIFEST).read_text())
    (out / MANIFEST).write_text(json.dumps(content | {"removing": True}))
    (out / "config.json").unlink()
    ok(sentemb(*TRAIN, "--seed", 7, how))
    assert (out / "notes.txt").exists()
    assert json.loads((out / "run.json").read_text())["settings"]["seed"] == 7


def test_a_card_of_the_users_is_renamed(sentemb, rows, tmp_path):
    ok(sentemb(*TRAIN, "--keep-checkpoints"))
    run = tmp_path / "out"
    for name in ("README.md", "run.json", MANIFEST):  # as if it had been cut before its end
        (run / name).unlink()
    (run / "README.md").write_text("mine")
    assert "README.md.kept" in ok(sentemb(*TRAIN, "--resume"))
    assert (run / "README.md.kept").read_text() == "mine"


@pytest.mark.wide
def test_seeds_are_replaced_with_their_notes_kept(sentemb, rows, tmp_path):
    words = (*TRAIN, "--seeds", "0-1")
    ok(sentemb(*words))
    (tmp_path / "out/notes.txt").write_text("mine")
    (tmp_path / "out/seed-0/notes.txt").write_text("mine")
    process = sentemb(*TRAIN, "--overwrite")
    assert process.returncode == 2
    assert b"holds runs of several seeds" in process.stderr
    process = sentemb(*words, "--overwrite", "--model", "out/seed-1")
    assert process.returncode == 2
    assert b"'out/seed-1' is read by this run" in process.stderr
    ok(sentemb(*words, "--overwrite"))
    assert (tmp_path / "out/notes.txt").exists()
    assert (tmp_path / "out/seed-0/notes.txt").exists()


def test_a_name_that_is_not_utf8_is_refused_before_anything_is_written(sentemb, rows, tmp_path):
    name = os.fsdecode(b"out\xff")
    for command in (TRAIN[:-1], ("finetune", "-o")):
        process = sentemb(*command, name)
        assert process.returncode == 2, process.stderr.decode()
        assert b"is not valid UTF-8" in process.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["rows.txt"]


def test_a_model_is_no_model_until_its_last_file(loaded_mini, tmp_path):
    """The names of the files that are moved last are those that loaders look for first."""
    save_encoder(loaded_mini, tmp_path)
    assert {"config.json", "modules.json"} <= {path.name for path in tmp_path.iterdir()}
