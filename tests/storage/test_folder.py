"""A folder that is written is there whole, old or new, whenever the process is killed."""

import json
import os
import signal
import time

import pytest

from sentemb.errors import LockedError, UsageError
from sentemb.experiments import check_folder
from sentemb.storage import check_output, whole_folder
from sentemb.storage import folder as storage
from sentemb.storage.owned import MANIFEST
from tests.support.processes import NEEDS_STRACE, exit_code, forked, killed_after, killed_at_call

RECORD = "export.json"


def write(folder, version, overwrite=True):
    with whole_folder(folder, RECORD, overwrite=overwrite) as new:
        (new / "deep").mkdir()
        for name in ("deep/weights", "README.md"):
            (new / name).write_text(version)
        (new / RECORD).write_text(record_of(version))


def record_of(version):
    return json.dumps({"schema": "sentemb.export/1", "version": version})


def contents(folder):
    """Return the texts by their names, but for the list of names."""
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else None
        for path in folder.rglob("*")
        if path.name != MANIFEST
    }


def whole(version):
    texts = dict.fromkeys(("deep/weights", "README.md"), version)
    return {"deep": None, **texts, RECORD: record_of(version)}


@pytest.fixture(params=["in one step", "in two"])
def exchanges(request, monkeypatch):
    """Whether the file system can exchange two folders."""
    one_step = request.param == "in one step"
    if not one_step:
        monkeypatch.setattr(storage, "_exchanged", lambda one, other: False)
    return one_step


def check_whole_and_taken_up(folder, exchanges):
    """After a kill there is one whole version, or the next call brings one back."""
    if folder.exists():
        assert contents(folder) in (whole("old"), whole("new"))
    else:
        assert not exchanges
    with pytest.raises(UsageError, match="is not empty"):
        write(folder, "newer", overwrite=False)
    assert contents(folder) in (whole("old"), whole("new"))
    write(folder, "new")
    assert contents(folder) == whole("new")
    assert list(folder.parent.iterdir()) == [folder]


def killed_before_every_change(folder, exchanges, stride):
    for number in range(1, 200, stride):
        write(folder, "old")
        code = exit_code(forked(lambda: write(folder, "new"), number))
        assert code in (0, -signal.SIGKILL)
        if code == 0:
            return number - 1
        check_whole_and_taken_up(folder, exchanges)
    raise AssertionError


@pytest.mark.sampled
@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.long)])
def test_killed_before_each_change_of_a_file(tmp_path, exchanges, stride):
    killed = killed_before_every_change(tmp_path / "a", exchanges, stride)
    print(f"killed {killed} times")
    assert killed > 20


def test_a_first_version_that_was_killed_is_begun_again(tmp_path):
    folder = tmp_path / "a"
    for number in range(1, 200, 3):
        code = exit_code(forked(lambda: write(folder, "new", overwrite=False), number))
        if code == 0:
            break
        if folder.exists():
            assert contents(folder) == whole("new")
        else:
            write(folder, "new", overwrite=False)
            assert list(tmp_path.iterdir()) == [folder]
        write(folder, "newer")
        assert list(tmp_path.iterdir()) == [folder]
        storage.shutil.rmtree(folder)
    assert number > 12


def test_killed_at_random(tmp_path):
    folder, killed = tmp_path / "a", 0
    for number in range(10):
        write(folder, "old")
        killed += not killed_after(0.001 * number, lambda: write(folder, "new"))
        check_whole_and_taken_up(folder, exchanges=True)
    assert killed


@pytest.mark.long
@NEEDS_STRACE
@pytest.mark.parametrize(
    "call", ["write", "fsync", "rename", "renameat2", "mkdir", "unlink", "unlinkat", "rmdir"]
)
def test_killed_before_each_system_call(tmp_path, call, exchanges):
    folder, killed = tmp_path / "a", 0
    write(folder, "old")
    while not killed_at_call(call, killed + 1, lambda: write(folder, "new")):
        killed += 1
        check_whole_and_taken_up(folder, exchanges)
        write(folder, "old")
    print(f"{call}: killed {killed} times")


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_appears_meanwhile_is_not_replaced(tmp_path, overwrite):
    folder = tmp_path / "a"

    def appears():
        with whole_folder(folder, RECORD, overwrite=overwrite) as new:
            (new / RECORD).write_text(record_of("new"))
            folder.mkdir()
            (folder / "thesis.txt").write_text("mine")

    with pytest.raises(UsageError, match="is not empty"):
        appears()
    assert contents(folder) == {"thesis.txt": "mine"}
    assert list(tmp_path.iterdir()) == [folder]


def test_an_error_leaves_the_old_version(tmp_path, exchanges):
    folder = tmp_path / "a"
    write(folder, "old")

    def fails():
        with whole_folder(folder, RECORD, overwrite=True) as new:
            (new / RECORD).write_text(record_of("new"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert contents(folder) == whole("old")
    assert list(tmp_path.iterdir()) == [folder]


def test_the_old_version_stays_until_the_new_one_stands(tmp_path, exchanges):
    folder = tmp_path / "a"
    write(folder, "old")
    with whole_folder(folder, RECORD, overwrite=True) as new:
        (new / RECORD).write_text(record_of("new"))
        assert contents(folder) == whole("old")
    assert contents(folder) == {RECORD: record_of("new")}


def test_what_others_put_into_an_earlier_version_stays(tmp_path, exchanges):
    folder = tmp_path / "a"
    write(folder, "old")
    (folder / "deep/notes.txt").write_text("mine")
    (folder / "link").symlink_to("README.md")
    write(folder, "new")
    kept = {"deep/notes.txt": "mine", "link": "new"}
    assert contents(folder) == whole("new") | kept
    write(folder, "newer")
    assert contents(folder) == whole("newer") | kept | {"link": "newer"}
    assert (folder / "link").is_symlink()

    def takes_its_name():
        with whole_folder(folder, RECORD, overwrite=True) as new:
            (new / "deep").mkdir()
            (new / "deep/notes.txt").write_text("not mine")

    with pytest.raises(UsageError, match=r"holds 'deep/notes\.txt', which an overwritten"):
        takes_its_name()
    (folder / MANIFEST).unlink()  # as an earlier version wrote it
    with pytest.raises(UsageError, match=r"holds 'deep/notes\.txt'"):
        write(folder, "newest")
    assert contents(folder) == whole("newer") | kept | {"link": "newer"}


@pytest.mark.parametrize("content", ["{}", '{"schema": 1}', "x", '["sentemb."]'])
def test_a_record_of_another_is_none(tmp_path, content):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / RECORD).write_text(content)
    (tmp_path / "a/thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds no export of sentemb"):
        write(tmp_path / "a", "new")
    assert (tmp_path / "a/thesis.txt").read_text() == "mine"


def test_a_second_writer_is_refused(tmp_path):
    folder = tmp_path / "a"

    def hold():
        with whole_folder(folder, RECORD):
            time.sleep(60)

    child = forked(hold)
    while not (tmp_path / "a.partial/new").exists():
        time.sleep(0.01)
    with pytest.raises(LockedError, match="Another run writes to"):
        write(folder, "new")
    os.kill(child, signal.SIGKILL)
    exit_code(child)
    write(folder, "new")
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("name", ["thesis.txt", ""])
def test_names_that_are_taken(tmp_path, name):
    taken = tmp_path / "a.partial" / name
    taken.parent.mkdir(exist_ok=True)
    taken.write_text("mine")
    with pytest.raises(UsageError, match=r"holds 'thesis.txt'" if name else "is a file"):
        write(tmp_path / "a", "new")
    assert taken.read_text() == "mine"


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "a").symlink_to("far")
    write(tmp_path / "a", "old")
    write(tmp_path / "a", "new")
    assert (tmp_path / "a").is_symlink()
    assert contents(tmp_path / "far") == whole("new")


def test_names_that_are_not_utf8_are_refused_before_any_work(tmp_path):
    with pytest.raises(UsageError, match="is not UTF-8"):
        check_output(tmp_path / "a\udcff" / "b", RECORD, overwrite=False)
    with pytest.raises(UsageError, match="is not UTF-8"):
        check_folder(tmp_path / "a\udcff")
