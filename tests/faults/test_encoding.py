"""E1 to E16: whatever happens to an encoding, its file is the same to the byte, or none."""

import contextlib
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sentemb.encoding import EncodeOptions, Shard, encode_file, windows
from sentemb.encoding.job import EncodingJob
from sentemb.encoding.job_folder import job_folder
from sentemb.errors import (
    InputError,
    InterruptedRunError,
    LockedError,
    NumericError,
    OutOfMemoryError,
    UsageError,
)
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder
from tests.support.processes import (
    NEEDS_STRACE,
    exit_code,
    forked,
    killed_after,
    killed_at_call,
    sentemb_in,
    started,
)

ROWS = 16
CHILD = [sys.executable, "-m", "tests.support.encode_child"]


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    monkeypatch.setattr(windows, "ROWS", ROWS)


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("mini-sentemb")


@pytest.fixture
def texts(sentences):
    return [*sentences[:60], "", *sentences[:20], *sentences[60:99]]


@pytest.fixture
def whole(encoder, texts, tmp_path):
    """The bytes of the uninterrupted run."""
    path = tmp_path / "whole.jsonl"
    encode_file(encoder, texts, path)
    data = path.read_bytes()
    path.unlink()
    return data


def finished(encoder, texts, path):
    """Give the command again, if it is not only the empty folder that is left to remove."""
    with contextlib.suppress(UsageError) if path.exists() else contextlib.nullcontext():
        encode_file(encoder, texts, path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    return path.read_bytes()


def killed_before_every_change(encoder, texts, whole, folder, stride):
    """Kill before the n-th sync, rename, creation or removal, n rising until the run passes."""
    path = folder / "a.jsonl"
    for number in range(1, 1000, stride):
        code = exit_code(forked(lambda: encode_file(encoder, texts, path), number))
        assert code in (0, -signal.SIGKILL)
        if code == 0:
            return number
        assert not path.exists() or path.read_bytes() == whole
        if not path.exists() or job_folder(path, Shard()).exists():
            assert finished(encoder, texts, path) == whole
        path.unlink()
    raise AssertionError


@pytest.mark.wide
def test_e1_killed_before_some_changes_of_files(encoder, texts, whole, tmp_path):
    assert killed_before_every_change(encoder, texts, whole, tmp_path, stride=7) > 30


@pytest.mark.long
def test_e1_killed_before_each_change_of_a_file(encoder, texts, whole, tmp_path):
    killed = killed_before_every_change(encoder, texts, whole, tmp_path, stride=1) - 1
    print(f"killed {killed} times")
    assert killed > 60


def killed_at_random(encoder, texts, whole, path, kills, seconds):
    """Kill runs of one job until it is whole; then begin again, until so many were killed."""
    draws, killed = random.Random(0), 0
    while killed < kills:
        while not killed_after(
            draws.uniform(0, seconds), lambda: encode_file(encoder, texts, path)
        ):
            killed += 1
            if path.exists():
                break
        if path.exists() and job_folder(path, Shard()).exists():
            finished(encoder, texts, path)
        assert path.read_bytes() == whole
        assert list(path.parent.iterdir()) == [path]
        path.unlink()
    return killed


def test_e1_killed_at_random(encoder, texts, whole, tmp_path):
    assert killed_at_random(encoder, texts, whole, tmp_path / "a.jsonl", 10, 0.2) >= 10


@pytest.mark.long
def test_e1_killed_at_random_fifty_times(encoder, texts, whole, tmp_path):
    assert killed_at_random(encoder, texts, whole, tmp_path / "a.jsonl", 50, 0.3) >= 50


@pytest.mark.long
@NEEDS_STRACE
@pytest.mark.parametrize("call", ["write", "pwrite64", "fsync", "rename", "unlink"])
def test_e1_killed_before_each_system_call(encoder, texts, whole, tmp_path, call):
    """As above, from outside, whatever library makes the call."""
    path, killed = tmp_path / "a.jsonl", 0
    while not killed_at_call(call, killed + 1, lambda: encode_file(encoder, texts, path)):
        killed += 1
        assert not path.exists() or path.read_bytes() == whole
        if not path.exists() or job_folder(path, Shard()).exists():
            assert finished(encoder, texts, path) == whole
        path.unlink()
    assert path.read_bytes() == whole
    print(f"{call}: killed {killed} times")
    assert killed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_after_the_windows_it_came_in(encoder, texts, whole, tmp_path, number):
    path = tmp_path / "a.jsonl"
    with pytest.raises(
        InterruptedRunError, match="after text 48; everything up to it is saved"
    ) as error:
        encode_file(
            encoder, texts, path, progress=lambda rows: rows == 32 and os.kill(os.getpid(), number)
        )
    assert error.value.exit_code == 128 + number
    assert encode_file(encoder, texts, path).kept_rows == 48  # one was embedded meanwhile
    assert path.read_bytes() == whole


@pytest.mark.sampled
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_so_and_exits_so(sentences, tmp_path, number):
    sentences = sentences[:800]
    (tmp_path / "a.txt").write_text("".join(f"{text}\n" for text in sentences))
    encode = sentemb_in(tmp_path, "encode", "a.txt")
    process = started(encode, tmp_path / "errors.txt")
    manifest = tmp_path / "a.npy.parts/manifest.jsonl"
    until = time.monotonic() + 60
    while not (manifest.exists() and manifest.read_text().count("\n") > 2):
        assert time.monotonic() < until
        time.sleep(0.002)
    os.kill(process.pid, number)
    process.join(timeout=60)
    errors = (tmp_path / "errors.txt").read_text()
    assert process.exitcode == 128 + number, errors
    assert "give the same command to resume" in errors.splitlines()[-1]
    again = started(encode, tmp_path / "again.txt")
    again.join(timeout=60)
    assert again.exitcode == 0, (tmp_path / "again.txt").read_text()
    assert np.load(tmp_path / "a.npy").shape == (len(sentences), 96)


def test_e7_the_same_text_has_the_same_vector_in_every_window(encoder, sentences, tmp_path):
    drawn = random.Random(0).choices(sentences[:40], k=400)
    encode_file(encoder, drawn, tmp_path / "a.npy")
    vectors = np.load(tmp_path / "a.npy")
    for text in set(drawn):
        rows = vectors[[other == text for other in drawn]]
        assert (rows == rows[0]).all()


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("suffix", "failing"),
    [
        pytest.param(suffix, failing, marks=() if i == j else pytest.mark.long)
        for i, suffix in enumerate(("npy", "safetensors", "parquet"))
        for j, failing in enumerate(("fsync", "replace", "write"))
    ],
)
def test_e8_no_room_or_a_bad_disk(encoder, texts, tmp_path, suffix, failing, monkeypatch):
    """The error is that of the system, the file is not there by halves, and the job goes on."""
    expected, path = tmp_path / f"whole.{suffix}", tmp_path / f"a.{suffix}"
    encode_file(encoder, texts, expected)
    for number in range(1, 99, 3):
        left = number
        module, name = {"write": (EncodingJob, "commit")}.get(failing, (os, failing))
        call = getattr(module, name)

        def fails(*args, call=call, **kwargs):
            nonlocal left
            left -= 1
            if left == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return call(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(module, name, fails)
            try:
                encode_file(encoder, texts, path)
            except OSError as error:
                assert error.errno == errno.ENOSPC  # noqa: PT017
        if left > 0:
            break
        if not path.exists():
            encode_file(encoder, texts, path)
        assert path.read_bytes() == expected.read_bytes()
        path.unlink()
        shutil.rmtree(job_folder(path, Shard()), ignore_errors=True)
    print(f"{suffix} {failing}: failed {number // 3} times")
    assert number > 6


@pytest.mark.skipif(
    os.geteuid() != 0,
    reason="only root may mount the small disk that is filled; ENOSPC is injected above for all",
)
def test_e8_a_full_disk(sentemb, sentences, tmp_path, monkeypatch):
    monkeypatch.setattr(windows, "ROWS", 256)
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (tmp_path / "a.txt").write_text("".join(f"{text}\n" for text in sentences))
        command = ("encode", "a.txt", "-o", disk / "a.npy")
        found = sentemb(*command)
        assert found.returncode == 4, found.stderr
        assert b"No space left on device" in found.stderr.splitlines()[-1]
        assert not (disk / "a.npy").exists()
        assert list(disk.glob("a.npy.parts/*.safetensors"))
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        assert sentemb(*command).returncode == 0
        assert np.load(disk / "a.npy").shape == (len(sentences), 96)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_e8_the_folder_vanishes(encoder, texts, tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    with pytest.raises(OSError, match="No such file"):
        encode_file(encoder, texts, folder / "a.npy", progress=lambda rows: shutil.rmtree(folder))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.wide
def test_e8_a_reader_that_leaves_is_no_error(sentences, tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"{text}\n" for text in sentences))
    line = f"{' '.join(CHILD)} 16 encode a.txt -o - | head -1"
    found = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], cwd=tmp_path, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["text"] == sentences[0]
    assert "Traceback" not in found.stderr


def test_e11_a_second_writer_is_refused(encoder, texts, tmp_path):
    path = tmp_path / "a.npy"

    def second(rows):
        with pytest.raises(LockedError, match="Another run writes to") as error:
            encode_file(encoder, texts, path)
        assert error.value.exit_code == 7

    encode_file(encoder, texts, path, progress=second)
    assert np.load(path).shape == (len(texts), 96)


def failing_above(rows, kind):
    """Have memory suffice for so many rows at once."""
    batch = Embedder._batch

    def limited(self, tokens, some):
        if len(some) > rows:
            raise kind
        return batch(self, tokens, some)

    return limited


@pytest.mark.parametrize(
    "kind",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
    ids=["cuda", "python", "cpu"],
)
def test_e13_memory_that_does_not_suffice(encoder, texts, tmp_path, kind, monkeypatch, caplog):
    encode_file(encoder, texts, tmp_path / "whole.npy")
    monkeypatch.setattr(Embedder, "_batch", failing_above(3, kind))
    summary = encode_file(encoder, texts, tmp_path / "a.npy")
    one, other = np.load(tmp_path / "whole.npy"), np.load(tmp_path / "a.npy")
    np.testing.assert_allclose(other, one, atol=1e-5)
    assert summary.halved_batches >= len(texts) / ROWS
    assert "halved" in caplog.text


def test_e13_memory_that_does_not_suffice_for_one_text(encoder, texts, tmp_path, monkeypatch):
    monkeypatch.setattr(Embedder, "_batch", failing_above(0, MemoryError()))
    with pytest.raises(
        OutOfMemoryError, match=r"Text \d+ \('.*'\): out of memory for a single text"
    ):
        encode_file(encoder, texts, tmp_path / "a.npy")
    assert list(tmp_path.iterdir()) == []


def test_another_error_is_no_lack_of_memory(encoder, texts, tmp_path, monkeypatch):
    monkeypatch.setattr(Embedder, "_batch", failing_above(3, RuntimeError("shapes do not fit")))
    with pytest.raises(InputError, match=r"Text \d+ .*RuntimeError: shapes do not fit.*mini-sent"):
        encode_file(encoder, texts, tmp_path / "a.npy")


def test_e14_batches_and_order_make_no_difference(encoder, texts, tmp_path):
    order = random.Random(0).sample(range(len(texts)), len(texts))
    encode_file(encoder, texts, tmp_path / "a.npy")
    encode_file(encoder, texts, tmp_path / "one.npy", EncodeOptions(batch_tokens=1))
    encode_file(encoder, [texts[i] for i in order], tmp_path / "shuffled.npy")
    found = {path.stem: np.load(path) for path in tmp_path.glob("*.npy")}
    np.testing.assert_allclose(found["one"], found["a"], atol=1e-5)
    np.testing.assert_allclose(found["shuffled"], found["a"][order], atol=1e-5)
    first, second = (found[name] / np.linalg.norm(found[name], axis=1, keepdims=True)
                     for name in ("a", "one"))  # fmt: skip
    pairs = random.Random(1).sample([(i, j) for i in range(60) for j in range(i)], 200)
    ranks = [np.argsort([vectors[i] @ vectors[j] for i, j in pairs]) for vectors in (first, second)]
    np.testing.assert_array_equal(*ranks)


def test_e15_a_vector_that_is_no_number(texts, tmp_path):
    encoder = load_encoder("mini-sentemb")
    encoder.bert.weights["embeddings.word_embeddings.weight"][:] = float("nan")
    with pytest.raises(NumericError, match=r"Text 1 \('.*'\) has no finite embedding") as error:
        encode_file(encoder, texts, tmp_path / "a.npy")
    assert error.value.exit_code == 5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["two words.txt", "new\nline.txt", "-dash.txt", "größe 文.txt"])
def test_e16_names_of_files(sentemb, tmp_path, name):
    (tmp_path / name).write_text("One.\nTwo.\n", encoding="utf-8")
    done = sentemb("encode", "--", name)
    assert done.returncode == 0, done.stderr
    assert np.load((tmp_path / name).with_suffix(".npy")).shape == (2, 96)


def test_no_run_is_left_in_the_parts(encoder, texts, tmp_path):
    """What a job writes is one safetensors file a window, the manifest and the lock."""
    path = tmp_path / "a.jsonl"
    encode_file(encoder, texts, path, EncodeOptions(shard=Shard(1, 2)))
    folder = job_folder(path, Shard(1, 2))
    assert {file.name for file in folder.iterdir()} >= {"lock", "manifest.jsonl"}
    assert set(load_file(folder / "00000000.safetensors")) == {
        "numbers", "vectors", "cut", "unknown", "known", "unread", "texts", "ends",
    }  # fmt: skip


def encoded_many(folder, rows):
    own = folder / str(rows)
    own.mkdir()
    command = [sys.executable, "-m", "tests.support.encode_many", str(own), str(rows)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(found.stdout.splitlines()[-1])


@pytest.mark.long
def test_e6_ten_million_rows_in_flat_memory(tmp_path):
    few, many = (encoded_many(tmp_path, rows) for rows in (1_000_000, 10_000_000))
    print(f"peak {few['peak']:.0f} MB at 1 million, {many['peak']:.0f} MB at 10 million")
    assert (many["rows"], many["distinct"]) == (10_000_000, 9_500_000)
    assert many["peak"] < 300
    assert many["peak"] < 1.5 * few["peak"] + 20
