"""A manifest: what a command listed is removed, and that alone; nothing behind a link."""

import json
import os

import pytest

from sentemb.storage import claim, read_owned, remove_own, remove_tree
from sentemb.storage.owned import MANIFEST, damage, print_of, remove_listed, remove_part


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def left(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()} - {
        MANIFEST
    }


def test_what_is_listed_goes_and_the_rest_stays(tmp_path):
    claim(tmp_path, ["a.json", "part/b.json", "tree/", "never/made.json"], "run")
    make(tmp_path, "a.json", "a.json.partial", "part/b.json", "part/mine", "tree/x/y", "mine")
    remove_own(tmp_path)
    assert left(tmp_path) == {"part/mine", "mine"}
    assert not (tmp_path / "tree").exists()
    assert not read_owned(tmp_path).files
    remove_own(tmp_path)
    assert left(tmp_path) == {"part/mine", "mine"}


def test_a_tree_with_a_listing_loses_what_that_names(tmp_path):
    claim(tmp_path, ["tree/"], "run")
    make(tmp_path, "tree/a", "tree/mine", "mine")
    names = {"a": {}, "../mine": {}, str(tmp_path / "mine"): {}, "": {}, ".": {}}
    (tmp_path / "tree/COMMIT.json").write_text(json.dumps({"files": names}))
    remove_own(tmp_path)
    assert left(tmp_path) == {"tree/mine", "mine"}


@pytest.mark.parametrize("calls", [0, 1, 2, 3])
def test_one_folder_goes_and_an_interrupted_removal_is_repeated(tmp_path, monkeypatch, calls):
    """What others put into it stays, also where the listing of a tree is gone already."""
    claim(tmp_path, ["a.json", "part/tree/", "part/b.json"], "run")
    make(tmp_path, "a.json", "part/b.json", "part/tree/x", "part/tree/y/z", "part/tree/mine")
    (tmp_path / "part/tree/COMMIT.json").write_text('{"files": {"x": {}, "y/z": {}}}')
    for folder in ("part/tree/empty", "part/theirs"):
        (tmp_path / folder).mkdir()
    unlink, left_over = os.unlink, [calls]

    def cut(*args, **kwargs):
        left_over[0] -= 1
        if left_over[0] < 0:
            raise KeyboardInterrupt
        unlink(*args, **kwargs)

    monkeypatch.setattr(os, "unlink", cut)
    with pytest.raises(KeyboardInterrupt):
        remove_part(tmp_path, "part")
    monkeypatch.setattr(os, "unlink", unlink)
    remove_part(tmp_path, "part")
    assert left(tmp_path) == {"a.json", "part/tree/mine"}
    folders = {path.name for path in tmp_path.rglob("*") if path.is_dir()}
    assert folders == {"part", "tree", "theirs"}
    assert read_owned(tmp_path).files.keys() == {"a.json"}
    remove_part(tmp_path, "part")
    assert left(tmp_path) == {"a.json", "part/tree/mine"}


def test_a_folder_with_a_manifest_in_a_folder(tmp_path):
    make(tmp_path, "run/a", "run/mine", "other/mine")
    claim(tmp_path / "run", ["b"], "run")
    make(tmp_path, "run/b", "run/.lock")
    for name in ("run", "other", "nowhere"):
        remove_listed(tmp_path / name)
    assert left(tmp_path) == {"run/a", "run/mine", "other/mine"}


@pytest.mark.parametrize("tree", [True, False])
def test_nothing_behind_a_link_is_removed(tmp_path, tree):
    make(tmp_path, "data/a", "run/x")
    claim(tmp_path / "run", ["link/" if tree else "link/a", "file"], "run")
    (tmp_path / "run/link").symlink_to(tmp_path / "data")
    (tmp_path / "run/file").symlink_to(tmp_path / "data/a")
    remove_own(tmp_path / "run")
    remove_tree(tmp_path / "run/link")
    assert (tmp_path / "data/a").exists()
    assert left(tmp_path / "run") - {"link"} == {"x"}


def test_a_tree_loses_its_links_and_not_what_they_lead_to(tmp_path):
    make(tmp_path, "data/a")
    claim(tmp_path, ["tree/"], "run")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/folder").symlink_to(tmp_path / "data")
    (tmp_path / "tree/file").symlink_to(tmp_path / "data/a")
    remove_own(tmp_path)
    assert left(tmp_path) == {"data/a"}


def test_what_is_in_the_way_of_a_new_file_is_renamed(tmp_path, caplog):
    make(tmp_path, "README.md", "part", "README.md.kept")
    claim(tmp_path, ["README.md", "part/a"], "run")
    assert left(tmp_path) == {"README.md.kept", "README.md.kept-2", "part.kept"}
    assert (tmp_path / "README.md.kept-2").read_text() == "README.md"
    assert "'README.md.kept-2'" in caplog.text
    make(tmp_path, "README.md")
    claim(tmp_path, ["README.md"], "run")
    assert (tmp_path / "README.md").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"\xff", b'{"schema": "other", "files": {}}',
     b'{"schema": "sentemb.files/1", "kind": "run", "removing": false, "files": 3}'],
)  # fmt: skip
def test_a_damaged_manifest_is_none(tmp_path, content):
    (tmp_path / MANIFEST).write_bytes(content)
    make(tmp_path, "mine")
    assert read_owned(tmp_path) is None
    remove_own(tmp_path)
    assert left(tmp_path) == {"mine"}


def test_a_manifest_that_names_what_is_elsewhere(tmp_path):
    make(tmp_path, "mine", "run/a")
    files = dict.fromkeys(["../mine", str(tmp_path / "mine"), "a/../../mine", "a"])
    content = {"schema": "sentemb.files/1", "kind": "run", "removing": False, "files": files}
    (tmp_path / "run" / MANIFEST).write_text(json.dumps(content))
    remove_own(tmp_path / "run")
    assert left(tmp_path / "run") == set()
    assert (tmp_path / "mine").exists()


def test_damage_is_named(tmp_path):
    make(tmp_path, "a", "b")
    claim(tmp_path, {name: print_of(tmp_path / name) for name in ("a", "b")}, "run")
    (tmp_path / "a.kept").rename(tmp_path / "a")
    (tmp_path / "b.kept").rename(tmp_path / "b")
    assert damage(tmp_path) is None
    (tmp_path / "a").write_text("z")
    assert damage(tmp_path) == "a is not what was written: its hash differs"
    (tmp_path / "a").unlink()
    assert damage(tmp_path) == "a is missing"
