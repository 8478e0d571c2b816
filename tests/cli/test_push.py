"""`sentemb push`: what goes to the hub, and what never does."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from sentence_transformers import SentenceTransformer

import sentemb
from sentemb.bundled import bundled
from sentemb.errors import InputError, UsageError
from tests.support.hub import serving

STAYS = {
    "checkpoints/checkpoint-3/model.safetensors": "x",
    "checkpoint-3/config.json": "{}",
    ".conditions.json": "{}",
    ".lock": "",
    "metrics.jsonl": "{}",
    "model.safetensors.partial": "x",
    "optimizer.pt": "x",
    "notes.md": "mine",
}


@pytest.fixture
def model(tmp_path):
    """A run's folder as training leaves it, with more than the model in it."""
    folder = tmp_path / "runs" / "mine"
    shutil.copytree(bundled("mini-sentemb"), folder)
    for name, content in STAYS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    (folder / "run.json").write_text(
        json.dumps(
            {
                "model": "owner/start",
                "data": {"source": "/home/me/secret place/train.tsv", "rows": 7},
                "dev": "dev.tsv and /home/me/dev.tsv",
                "loss": "InfoNCE(temperature=0.05)",
                "config": {"data": "C:\\Users\\me\\train.tsv", "teacher": "~/teacher"},
            }
        )
    )
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "_name_or_path": "/home/me/bert"}))
    (folder / "README.md").write_text(
        'model = SentenceTransformer("mine")\nmodel = sentemb.load("mine")\n'
    )
    return folder


def reaching(hub):
    return {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_secret"}


def run(tmp_path, *words, **environment):
    """Run the command in a process of its own: the hub's address is read at an import."""
    home = {"HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    online = {k: v for k, v in os.environ.items() if k not in ("HF_HUB_OFFLINE", "HF_TOKEN")}
    return subprocess.run(
        [sys.executable, "-m", "sentemb", "push", *map(str, words)],
        env=online | home | environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )


def test_a_dry_run_shows_files_and_sizes_and_asks_nobody(tmp_path, model, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.socket.connect", refuse)
    before = sorted(path for path in tmp_path.rglob("*"))
    report = sentemb.push(model, "me/mine", dry_run=True)
    names = {row["file"]: row["bytes"] for row in report}
    assert {"README.md", "run.json", "model.safetensors", "modules.json"} <= set(names)
    assert not set(STAYS) & set(names)
    assert names["model.safetensors"] == (model / "model.safetensors").stat().st_size
    assert "nothing was uploaded" in repr(report)
    assert report["dry_run"]
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_push_makes_a_repository_that_loads(tmp_path, model):
    with serving() as hub:
        done = run(tmp_path, model, "me/mine", "--private", "--json",
                   **reaching(hub))  # fmt: skip
        assert done.returncode == 0, done.stderr
        record = json.loads(done.stdout)
        again = run(tmp_path, model, "mine", **reaching(hub))
        assert again.returncode == 0, again.stderr
        assert f"{hub.url}/me/mine" in again.stdout
    assert (record["repo"], record["url"]) == ("me/mine", f"{hub.url}/me/mine")
    assert record["commit"] == "a" * 40
    assert hub.private == {"me/mine": True}
    authorized = {by for _, path, by in hub.asked if "large" not in path}
    assert authorized == {"Bearer hf_secret"}
    files = hub.files["me/mine"]
    assert [one["path"] for one in record["files"]] == sorted(files)
    assert [one["bytes"] for one in record["files"]] == [len(files[n]) for n in sorted(files)]
    assert not set(STAYS) & set(files)
    for content in files.values():
        assert b"/home/me" not in content
        assert b"Users" not in content or len(content) > 10_000
    assert json.loads(files["run.json"]) == {
        "model": "owner/start",
        "data": {"source": "train.tsv", "rows": 7},
        "dev": "dev.tsv and dev.tsv",
        "loss": "InfoNCE(temperature=0.05)",
        "config": {"data": "train.tsv", "teacher": "teacher"},
    }
    assert files["README.md"].decode().splitlines() == [
        'model = SentenceTransformer("me/mine")',
        'model = sentemb.load("me/mine")',
    ]
    assert "/home/me" in (model / "run.json").read_text()  # the folder stays as it is
    for name, content in files.items():
        (tmp_path / "fetched" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fetched" / name).write_bytes(content)
    fetched = SentenceTransformer(str(tmp_path / "fetched"), device="cpu")
    assert (fetched.encode("a") == SentenceTransformer(str(model), device="cpu").encode("a")).all()


REFUSED = {
    "offline": ({"HF_HUB_OFFLINE": "1", "HF_TOKEN": "hf_x"}, 2, "The hub is offline"),
    "no token": ({}, 2, "No token for the hub: run `hf auth login`, or set HF_TOKEN."),
    "not in reach": (
        {"HF_TOKEN": "hf_x", "HF_ENDPOINT": "http://127.0.0.1:9"},
        4,
        "'me/mine' could not be uploaded: ",
    ),
}


@pytest.mark.sampled
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_go_is_one_line_and_nothing_is_written(tmp_path, model, case):
    environment, code, message = REFUSED[case]
    before = sorted(path for path in tmp_path.rglob("*"))
    done = run(tmp_path, model, "me/mine", **environment)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1
    assert sorted(path for path in tmp_path.rglob("*")) == before


@pytest.mark.sampled
@pytest.mark.parametrize(("status", "code"), [(403, 2), (507, 4)])
def test_a_hub_that_refuses(tmp_path, model, status, code):
    with serving() as hub:
        hub.refuses = status
        done = run(tmp_path, model, "me/mine", **reaching(hub))
    assert done.returncode == code
    assert done.stderr.startswith("error: The hub refuses to take 'me/mine': ")
    assert done.stderr.count("\n") == 1
    assert hub.files == {}


def test_private_is_not_taken_lightly(tmp_path, model):
    with serving() as hub:
        hub.private["me/mine"] = False
        done = run(tmp_path, model, "me/mine", "--private", **reaching(hub))
    assert done.returncode == 2
    assert "Repository 'me/mine' exists and is public" in done.stderr
    assert "leave --private out" in done.stderr
    assert hub.files == {}


def test_names_that_cannot_be(model, tmp_path):
    with pytest.raises(UsageError, match=r"repo must be user/name, .* got 'a/b/c'"):
        sentemb.push(model, "a/b/c", dry_run=True)
    with pytest.raises(UsageError, match="No folder 'owner/model': push uploads a model of this"):
        sentemb.push("owner/model", "me/mine", dry_run=True)
    with pytest.raises(UsageError, match="model must be a folder, or what `train` returned"):
        sentemb.push(7, "me/mine", dry_run=True)
    with pytest.raises(InputError, match="holds no model"):
        sentemb.push(tmp_path, "me/mine", dry_run=True)
