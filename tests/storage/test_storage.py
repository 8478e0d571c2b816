"""What is there is whole, and one process writes it."""

import errno
import json
import os
import subprocess
import sys

import pytest

from sentemb.errors import LockedError
from sentemb.storage import locked, replaced, sha256, sync, write_json

HOLD = """
import sys, time
from pathlib import Path
from sentemb.storage import locked
with locked(Path(sys.argv[1]), Path("out")):
    print("held", flush=True)
    time.sleep(60)
"""


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")

    def write():
        with replaced(path) as file:
            file.write(b"new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": [1, "é"]})
    assert json.loads(path.read_text()) == {"a": [1, "é"]}
    with pytest.raises(TypeError):
        write_json(path, {"a": [1, object()]})
    assert json.loads(path.read_text()) == {"a": [1, "é"]}
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_sync_is_an_error_and_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("old")

    def fails(handle):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="Input/output"), replaced(path) as file:
        file.write(b"new")
    assert path.read_text() == "old"


def test_a_file_system_without_sync_of_folders_will_do(tmp_path, monkeypatch):
    def unsupported(handle):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", unsupported)
    sync(tmp_path)
    (tmp_path / "a").touch()
    with pytest.raises(OSError, match="Invalid"):
        sync(tmp_path / "a")


def test_the_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a").startswith("ba7816bf")


def test_a_second_writer_is_refused_until_the_first_is_dead(tmp_path):
    lock = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        held = rf"out' \(process {first.pid} on "
        with pytest.raises(LockedError, match=held) as raised, locked(lock, tmp_path / "out"):
            pass
        assert raised.value.exit_code == 7
        first.kill()
    with locked(lock, tmp_path / "out"):
        pass
