"""What was done is not done again, and the file is the same to the byte however it came about."""

import errno
import io
import itertools
import json
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from sentemb.encoding import EncodeOptions, Shard, encode_file, merge, windows
from sentemb.encoding.distinct_texts import DistinctTexts
from sentemb.encoding.job import EncodingJob
from sentemb.encoding.job_folder import job_folder
from sentemb.encoding.manifest import FILE
from sentemb.encoding.writers import NpyWriter
from sentemb.errors import InputError, StorageError, UsageError
from sentemb.inference import embedder
from sentemb.inference.embedder import Embedder

ROWS = 8


class PulledPlugError(Exception):
    pass


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    monkeypatch.setattr(windows, "ROWS", ROWS)


@pytest.fixture
def mini(build_tiny):
    """A smaller one than the bundled encoder."""
    return build_tiny("Bert")


@pytest.fixture
def texts(sentences):
    """Fifty rows: some come again at once, some much later, some are empty, one is long."""
    few = [*sentences[:30], "", "word " * 400, sentences[0], sentences[29]]
    return [*few, *sentences[30:40], sentences[2], sentences[2], "", sentences[33], *few[5:7]]


@pytest.fixture
def encoded(monkeypatch):
    """The texts that were embedded."""
    found = []
    embed = Embedder.embed

    def watched(self, tokens):
        found.extend(tokens.texts)
        return embed(self, tokens)

    monkeypatch.setattr(Embedder, "embed", watched)
    return found


def cut_off(texts, rows):
    yield from itertools.islice(texts, rows)
    raise PulledPlugError


def begin(mini, texts, path, rows=20, **options):
    with pytest.raises(PulledPlugError):
        encode_file(mini, cut_off(texts, rows), path, **options)


@pytest.mark.sampled
@pytest.mark.parametrize("suffix", ["npy", "jsonl", "parquet", "safetensors"])
def test_an_interrupted_job_ends_with_the_same_file(mini, texts, tmp_path, suffix, encoded):
    whole, path = tmp_path / f"whole.{suffix}", tmp_path / f"a.{suffix}"
    expected = encode_file(mini, texts, whole)
    assert sorted(encoded) == sorted(set(texts))
    encoded.clear()
    begin(mini, texts, path)
    assert not path.exists()
    summary = encode_file(mini, texts, path)
    assert path.read_bytes() == whole.read_bytes()
    assert sorted(encoded) == sorted(set(texts))
    assert summary.kept_rows == 16
    assert summary.truncated_rows == expected.truncated_rows == 1
    assert summary.distinct_texts == len(set(texts)) == 42
    assert sorted(tmp_path.iterdir()) == [path, whole]


@pytest.mark.sampled
@pytest.mark.parametrize("of", [1, 2, 3, 7])
@pytest.mark.parametrize("suffix", ["npy", "jsonl"])
def test_shards_come_to_the_same_file(mini, texts, tmp_path, of, suffix, encoded):
    encode_file(mini, texts, whole := tmp_path / f"whole.{suffix}")
    encoded.clear()
    path = tmp_path / f"a.{suffix}"
    for number in range(1, of + 1):
        encode_file(mini, texts, path, EncodeOptions(shard=Shard(number, of)))
    assert sorted(encoded) == sorted(set(texts))
    summary = merge(path) if of > 1 else None
    assert path.read_bytes() == whole.read_bytes()
    if summary:
        assert (summary.rows, summary.truncated_rows, summary.empty_rows) == (50, 1, 2)


def test_an_interrupted_shard_goes_on(mini, texts, tmp_path):
    encode_file(mini, texts, whole := tmp_path / "whole.npy")
    path, second = tmp_path / "a.npy", EncodeOptions(shard=Shard(2, 2))
    encode_file(mini, texts, path, EncodeOptions(shard=Shard(1, 2)))
    begin(mini, texts, path, options=second)
    with pytest.raises(InputError, match=r"Shard 2/2 in .* is not finished: give its command"):
        merge(path)
    encode_file(mini, texts, path, second)
    merge(path)
    assert path.read_bytes() == whole.read_bytes()


def test_shards_that_do_not_fit(mini, texts, tmp_path):
    path, more = tmp_path / "a.npy", [*texts, "one more"]
    with pytest.raises(InputError, match="no shard beside"):
        merge(path)
    encode_file(mini, texts, path, EncodeOptions(shard=Shard(1, 2)))
    with pytest.raises(InputError, match="Shard 2/2 is missing: encode it"):
        merge(path)
    encode_file(mini, more, path, EncodeOptions(shard=Shard(2, 2)))
    with pytest.raises(InputError, match="shards of different inputs"):
        merge(path)
    encode_file(mini, texts, path, EncodeOptions(1, shard=Shard(2, 2)), overwrite=True)
    with pytest.raises(InputError, match="encoded differently: batch_tokens None and 1"):
        merge(path)
    encode_file(mini, texts, path, EncodeOptions(shard=Shard(2, 3)))
    with pytest.raises(InputError, match=r"There are shards of 2 and of 3: .*2-of-3.parts'. Name"):
        merge(path)
    encode_file(mini, texts, path, EncodeOptions(shard=Shard(2, 2)), overwrite=True)
    folder = job_folder(path, Shard(2, 2))
    shutil.copytree(folder, tmp_path / "elsewhere")
    shutil.rmtree(folder)
    first = job_folder(path, Shard(1, 2))
    part = tmp_path / "elsewhere/00000001.safetensors"
    flip_a_byte(part)
    with pytest.raises(InputError, match=r"00000001.safetensors' is damaged or missing"):
        merge(path, [first, tmp_path / "elsewhere"])
    flip_a_byte(part)
    with pytest.raises(UsageError, match=r"encoded for \.npy, not for '\.parquet'"):
        merge(tmp_path / "a.parquet", [first, tmp_path / "elsewhere"])
    assert merge(path, [first, tmp_path / "elsewhere"]).rows == len(texts)


def test_shards_of_a_name_with_brackets_are_found(mini, texts, tmp_path):
    path = tmp_path / "a[1].npy"
    for number in (1, 2):
        encode_file(mini, texts, path, EncodeOptions(shard=Shard(number, 2)))
    assert merge(path).rows == len(texts)


@pytest.mark.parametrize("words", ["0/2", "3/2", "2", "a/b", "1/0", "-1/2", ""])
def test_what_is_no_shard(words):
    with pytest.raises(UsageError, match="I/N with I from 1 to N"):
        Shard.parse(words)


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.sampled
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_part_is_encoded_again(mini, texts, tmp_path, damage, caplog):
    encode_file(mini, texts, whole := tmp_path / "whole.npy")
    path = tmp_path / "a.npy"
    begin(mini, texts, path)
    part = job_folder(path, Shard()) / "00000001.safetensors"
    if damage == "flip":
        flip_a_byte(part)
    elif damage == "cut":
        part.write_bytes(part.read_bytes()[:-1])
    else:
        part.unlink()
    assert encode_file(mini, texts, path).kept_rows == 8
    assert "00000001.safetensors is damaged or missing: its rows are encoded again" in caplog.text
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.wide
def test_a_manifest_cut_anywhere_loses_nothing_but_time(mini, texts, tmp_path):
    encode_file(mini, texts, whole := tmp_path / "whole.npy")
    path = tmp_path / "a.npy"
    begin(mini, texts, path, rows=40)
    folder = job_folder(path, Shard())
    shutil.copytree(folder, tmp_path / "kept")
    manifest = (folder / FILE).read_bytes()
    ends = [i for i, byte in enumerate(manifest) if byte == ord("\n")]
    for cut in {0, 1, *ends, *(end + 1 for end in ends), *(end - 5 for end in ends)}:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "kept", folder)
        (folder / FILE).write_bytes(manifest[:cut])
        encode_file(mini, texts, path, overwrite=True)
        assert path.read_bytes() == whole.read_bytes()


def test_a_damaged_manifest_is_told(mini, texts, tmp_path, caplog):
    path = tmp_path / "a.npy"
    begin(mini, texts, path)
    flip = job_folder(path, Shard()) / FILE
    lines = flip.read_bytes().splitlines(keepends=True)
    flip.write_bytes(b"".join([*lines[:-1], lines[-1].replace(b"{", b"[", 1)]))
    assert encode_file(mini, texts, path).kept_rows == 8
    assert "damaged from byte" in caplog.text


def test_rows_that_are_appended_are_all_that_is_encoded(mini, texts, tmp_path, encoded):
    path = tmp_path / "a.npy"
    encode_file(mini, texts[:20], path, EncodeOptions(shard=Shard(1, 2)))
    encode_file(mini, texts[:20], path, EncodeOptions(shard=Shard(2, 2)))
    encoded.clear()
    for number in (1, 2):
        encode_file(mini, texts, path, EncodeOptions(shard=Shard(number, 2)))
    assert not set(texts[:16]) & set(encoded)
    merge(path)
    np.testing.assert_allclose(np.load(path), mini.encode(texts), atol=1e-5)


@pytest.mark.sampled
@pytest.mark.parametrize("row", [0, 9, 15])
def test_rows_that_are_changed_are_refused(mini, texts, tmp_path, row):
    path = tmp_path / "a.npy"
    begin(mini, texts, path)
    changed = list(texts)
    changed[row] = "another text"
    first = row // ROWS * ROWS + 1
    with pytest.raises(UsageError, match=f"Texts {first} to {first + 7} of the input are not"):
        encode_file(mini, changed, path)
    encode_file(mini, changed, path, overwrite=True)
    np.testing.assert_allclose(np.load(path), mini.encode(changed), atol=1e-5)


@pytest.mark.sampled
@pytest.mark.parametrize(("row", "by"), [(0, 1), (0, 47), (9, 8), (7, 8), (15, 16)])
def test_what_is_kept_is_what_still_has_its_numbers(mini, sentences, tmp_path, row, by):
    """An edit that changes how many texts came before moves the numbers of all later windows."""
    texts = [*sentences[:24], *sentences[3:9], *sentences[24:42]]
    changed = list(texts)
    changed[row] = changed[by]
    encode_file(mini, changed, whole := tmp_path / "whole.npy")
    path = tmp_path / "a.npy"
    begin(mini, texts, path, rows=24)
    encode_file(mini, changed, path, overwrite=True)
    assert path.read_bytes() == whole.read_bytes()
    shared = tmp_path / "b.npy"
    encode_file(mini, texts, shared, EncodeOptions(shard=Shard(1, 2)))
    with pytest.raises(UsageError, match="are not those"):
        encode_file(mini, changed, shared, EncodeOptions(shard=Shard(1, 2)))
    for number in (1, 2):
        encode_file(mini, changed, shared, EncodeOptions(shard=Shard(number, 2)), overwrite=True)
    merge(shared)
    assert shared.read_bytes() == whole.read_bytes()


def test_rows_that_are_taken_away_are_refused(mini, texts, tmp_path):
    path = tmp_path / "a.npy"
    begin(mini, texts, path, rows=40)
    with pytest.raises(UsageError, match="The input has 16 texts, fewer than"):
        encode_file(mini, texts[:16], path)
    with pytest.raises(UsageError, match="Texts 9 to 16"):
        encode_file(mini, texts[:12], path)
    assert encode_file(mini, texts[:16], path, overwrite=True).rows == 16


def test_another_encoder_or_option_is_refused_with_the_difference(mini, texts, tmp_path):
    path = tmp_path / "a.npy"
    begin(mini, texts, path)
    with pytest.raises(UsageError, match=r"begun otherwise: batch_tokens not given, now 99\. Give"):
        encode_file(mini, texts, path, EncodeOptions(batch_tokens=99))
    mini.max_seq_length = 8
    with pytest.raises(UsageError, match="begun otherwise: model '"):
        encode_file(mini, texts, path)
    mini.max_seq_length = 128
    mini[0].model.embeddings.word_embeddings.weight.data[5, 5] += 1
    with pytest.raises(UsageError, match="begun otherwise: model '"):
        encode_file(mini, texts, path)
    summary = encode_file(mini, texts, path, overwrite=True)
    assert (summary.kept_rows, summary.rows) == (0, 50)


def pulled_before_a_part_is_removed(monkeypatch, act):
    unlink = Path.unlink

    def pulled(file, missing_ok=False):
        if file.suffix == ".safetensors":
            raise PulledPlugError
        unlink(file, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", pulled)
        with pytest.raises(PulledPlugError):
            act()


def test_only_the_folder_was_left_to_remove(mini, texts, tmp_path, monkeypatch, encoded):
    path = tmp_path / "a.npy"
    pulled_before_a_part_is_removed(monkeypatch, lambda: encode_file(mini, texts, path))
    data = path.read_bytes()
    encoded.clear()
    summary = encode_file(mini, texts, path)
    assert (summary.rows, summary.truncated_rows, encoded) == (50, 1, [])
    assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_a_whole_file_is_of_its_texts_alone(mini, texts, tmp_path, monkeypatch):
    """However little was left to do: other texts are another file, which is not there."""
    path, more = tmp_path / "a.npy", [*texts, "one more"]
    pulled_before_a_part_is_removed(monkeypatch, lambda: encode_file(mini, texts, path))
    with pytest.raises(UsageError, match="exists"):
        encode_file(mini, more, path)
    assert (list(tmp_path.iterdir()), len(np.load(path))) == ([path], 50)
    path.unlink()
    pulled_before_a_part_is_removed(monkeypatch, lambda: encode_file(mini, texts, path))
    encode_file(mini, more, path, overwrite=True)
    assert (list(tmp_path.iterdir()), len(np.load(path))) == ([path], 51)


def test_a_merge_that_was_interrupted(mini, texts, tmp_path, monkeypatch):
    encode_file(mini, texts, whole := tmp_path / "whole.npy")
    path = tmp_path / "a.npy"
    for number in (1, 2):
        encode_file(mini, texts, path, EncodeOptions(shard=Shard(number, 2)))
    folders = [job_folder(path, Shard(number, 2)) for number in (2, 1)]

    def pulled(*_):
        raise PulledPlugError

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", pulled)
        with pytest.raises(PulledPlugError):
            merge(path)
    assert job_folder(path, Shard()).is_dir()
    with monkeypatch.context() as patch:
        patch.setattr("sentemb.encoding.job.sync", pulled)  # it is in place, its folder not removed
        with pytest.raises(PulledPlugError):
            merge(path, folders)
    assert merge(path).rows == 50
    assert not job_folder(path, Shard()).exists()
    assert path.read_bytes() == whole.read_bytes()
    with pytest.raises(UsageError, match="exists"):
        merge(path)
    assert merge(path, overwrite=True).rows == 50


@pytest.mark.parametrize("name", ["mine.txt", "sub"])
def test_a_folder_of_others_is_left_alone(mini, texts, tmp_path, name):
    path = tmp_path / "a.npy"
    folder = job_folder(path, Shard())
    folder.mkdir()
    mine = folder / name
    mine.write_text("mine") if mine.suffix else mine.mkdir()
    with pytest.raises(UsageError, match=f"holds '{name}', which is not part of it"):
        encode_file(mini, texts, path, overwrite=True)
    assert list(folder.iterdir()) == [mine]


def test_names_that_are_taken(mini, texts, tmp_path):
    (tmp_path / "a.npy.parts").write_text("mine")
    with pytest.raises(UsageError, match=r"a.npy.parts' is a file"):
        encode_file(mini, texts, tmp_path / "a.npy")
    (tmp_path / "b.npy").mkdir()
    with pytest.raises(UsageError, match=r"b.npy' is a folder"):
        encode_file(mini, texts, tmp_path / "b.npy", overwrite=True)
    with pytest.raises(UsageError, match=r"a.npy.parts' is not a folder"):
        merge(tmp_path / "a.npy.parts" / "a.npy")
    with pytest.raises(InputError, match="No folder"):
        merge(tmp_path / "c.npy", [tmp_path / "none"])


@pytest.mark.wide
def test_a_manifest_with_flipped_bits_loses_nothing_but_time(mini, texts, tmp_path):
    encode_file(mini, texts, whole := tmp_path / "whole.npy")
    path = tmp_path / "a.npy"
    begin(mini, texts, path, rows=40)
    folder = job_folder(path, Shard())
    shutil.copytree(folder, tmp_path / "kept")
    manifest = (folder / FILE).read_bytes()
    for place in range(0, len(manifest), len(manifest) // 16):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "kept", folder)
        flipped = bytearray(manifest)
        flipped[place] ^= 1
        (folder / FILE).write_bytes(flipped)
        encode_file(mini, texts, path, overwrite=True)
        assert path.read_bytes() == whole.read_bytes()


def test_no_room_for_what_was_seen(mini, texts, tmp_path, monkeypatch):
    def full(*_):
        raise sqlite3.OperationalError("disk I/O error")

    path = tmp_path / "a.npy"
    with monkeypatch.context() as patch:
        patch.setattr("sentemb.encoding.distinct_texts.DistinctTexts._insert", full)
        with pytest.raises(StorageError, match="is the disk full"):
            encode_file(mini, texts, path)
    assert encode_file(mini, texts, path).rows == 50


def test_the_manifest_is_lines_of_json(mini, texts, tmp_path):
    path = tmp_path / "a.npy"
    begin(mini, texts, path)
    lines = (job_folder(path, Shard()) / FILE).read_text().splitlines()
    options, batches, first, second = map(json.loads, lines)
    assert batches["batches"] == {"batch_tokens": 512}
    assert options["schema"] == "sentemb.encoding/1"
    assert [first["done"]["window"], second["done"]["window"]] == [0, 1]
    assert len(first["done"]["part"]) == len(options["model"]) == 64


def test_a_resumed_job_has_the_batches_that_it_began_with(mini, texts, tmp_path, monkeypatch):
    path, used = tmp_path / "a.npy", []
    by_tokens = embedder.by_tokens
    monkeypatch.setattr(embedder, "usual_tokens", lambda *_: 4096)
    begin(mini, texts, path)
    monkeypatch.setattr(embedder, "usual_tokens", lambda *_: 262144)  # more memory is free now
    monkeypatch.setattr(embedder, "by_tokens", lambda *a: used.append(a[1]) or by_tokens(*a))
    encode_file(mini, texts, path)
    assert set(used) == {4096}


def damaged_after(rows, part, damage=flip_a_byte):
    """Damage a part once so many rows are done."""
    return lambda done: done == rows and damage(part)


@pytest.mark.sampled
@pytest.mark.parametrize("suffix", ["npy", "jsonl", "parquet", "safetensors"])
@pytest.mark.parametrize("damage", [flip_a_byte, Path.unlink, lambda part: part.write_bytes(b"")])
def test_a_part_damaged_while_its_run_goes_on(mini, texts, tmp_path, suffix, damage):
    encode_file(mini, texts, whole := tmp_path / f"whole.{suffix}")
    path = tmp_path / f"a.{suffix}"
    part = job_folder(path, Shard()) / "00000001.safetensors"
    with pytest.raises(StorageError, match=r"00000001.safetensors' was damaged or removed"):
        encode_file(mini, texts, path, progress=damaged_after(40, part, damage))
    assert not path.exists()
    assert not list(part.parent.glob("assembled*"))
    assert encode_file(mini, texts, path).kept_rows == len(texts) - ROWS
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("name", ["vectors", "cut", "numbers", "texts", "ends"])
def test_no_byte_of_a_part_is_taken_unchecked(mini, texts, tmp_path, name):
    def damage(part):
        data = bytearray(part.read_bytes())
        length = int.from_bytes(data[:8], "little")
        start = json.loads(data[8 : 8 + length])[name]["data_offsets"][0]
        data[8 + length + start] ^= 64
        part.write_bytes(data)

    path = tmp_path / "a.jsonl"
    part = job_folder(path, Shard()) / "00000000.safetensors"
    with pytest.raises(StorageError, match="damaged"):
        encode_file(mini, texts, path, progress=damaged_after(50, part, damage))
    assert not path.exists()


def test_a_part_damaged_after_its_own_rows_were_written(mini, texts, tmp_path, monkeypatch):
    """Later rows repeat its texts: it is compared again, for it has changed."""
    path = tmp_path / "a.npy"
    part = job_folder(path, Shard()) / "00000000.safetensors"
    write, written = NpyWriter.write, []

    def damaging(self, texts, vectors):
        write(self, texts, vectors)
        written.append(len(vectors))
        if len(written) == 1:
            flip_a_byte(part)

    monkeypatch.setattr(NpyWriter, "write", damaging)
    with pytest.raises(StorageError, match=r"00000000.safetensors' was damaged"):
        encode_file(mini, texts, path)
    assert 1 < len(written) < len(texts) / ROWS


def test_a_shard_damaged_while_it_is_merged(mini, texts, tmp_path, monkeypatch):
    path = tmp_path / "a.npy"
    for number in (1, 2):
        encode_file(mini, texts, path, EncodeOptions(shard=Shard(number, 2)))
    part = job_folder(path, Shard(2, 2)) / "00000003.safetensors"
    write = NpyWriter.write

    def damaging(self, texts, vectors):
        write(self, texts, vectors)
        flip_a_byte(part)

    monkeypatch.setattr(NpyWriter, "write", damaging)
    with pytest.raises(InputError, match=r"00000003.safetensors' is damaged or missing: give its"):
        merge(path)
    assert not path.exists()
    assert not job_folder(path, Shard()).exists()


def test_a_part_of_a_stream_that_is_damaged(mini, texts, monkeypatch):
    commit = EncodingJob.commit

    def damaging(self, window, *args):
        commit(self, window, *args)
        if window.number == 1:
            flip_a_byte(self.part(0))

    monkeypatch.setattr(EncodingJob, "commit", damaging)
    repeated = [*texts[:ROWS], "new", *texts[:3]]
    with pytest.raises(StorageError, match=r"00000000.safetensors' was damaged"):
        encode_file(mini, repeated, io.BytesIO())


def test_a_file_that_appears_meanwhile_is_not_overwritten(mini, texts, tmp_path, encoded):
    path = tmp_path / "a.npy"

    def appear(rows):
        if rows == len(texts):
            path.write_text("of another")

    with pytest.raises(UsageError, match=r"a.npy' exists"):
        encode_file(mini, texts, path, progress=appear)
    assert path.read_text() == "of another"
    encoded.clear()
    encode_file(mini, texts, path, overwrite=True)
    assert encoded == []
    assert np.load(path).shape == (len(texts), 32)


def test_a_link_to_nothing_is_a_name_that_is_taken(mini, texts, tmp_path):
    path = tmp_path / "a.npy"
    path.symlink_to("nowhere")
    with pytest.raises(UsageError, match="exists"):
        encode_file(mini, texts, path)
    assert path.is_symlink()


def test_files_that_nfs_keeps_while_they_are_open(mini, texts, tmp_path, monkeypatch):
    """A removed file that a process has open is a file ``.nfs…`` until it is closed."""
    unlink, release, path = Path.unlink, FileLock.release, tmp_path / "a.npy"
    kept = job_folder(path, Shard()) / ".nfs0000000000000001"

    def unlinked(file, missing_ok=False):
        if file.name == "lock":
            file.rename(kept)
        else:
            unlink(file, missing_ok)

    def released(self, force=False):
        release(self, force)
        unlink(kept, missing_ok=True)

    kept.parent.mkdir()
    kept.touch()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlinked)
        patch.setattr(FileLock, "release", released)
        assert encode_file(mini, texts, path).rows == len(texts)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("method", ["execute", "executemany"])
def test_no_room_at_any_call_of_the_database(tmp_path, monkeypatch, method):
    """A disk that was filled by the first try is still full at the second."""
    connect = sqlite3.connect

    class Full(sqlite3.Connection):
        calls = 0

        def _called(self, kind, *args):
            Full.calls += kind == method
            if Full.calls == failing and kind == method:
                raise sqlite3.OperationalError("database or disk is full")
            return getattr(super(), kind)(*args)

        def execute(self, *args):
            return self._called("execute", *args)

        def executemany(self, *args):
            return self._called("executemany", *args)

    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, factory=Full, **k))
    for failing in range(1, 99):  # noqa: B007 -- `Full` reads it
        Full.calls = 0
        try:
            seen = DistinctTexts(tmp_path / "seen")
            seen.numbers(["a", "b"])
            seen.close()
        except StorageError as error:
            assert "disk is full" in str(error)  # noqa: PT017
            assert list(tmp_path.iterdir()) == []
        else:
            break
    assert failing > 1
    assert list(tmp_path.iterdir()) == []


def test_a_half_written_output_does_not_keep_its_room(mini, texts, tmp_path, monkeypatch):
    path = tmp_path / "a.npy"

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(NpyWriter, "close", full)
        with pytest.raises(OSError, match="No space left"):
            encode_file(mini, texts, path)
    folder = job_folder(path, Shard())
    assert not list(folder.glob("assembled*"))
    (folder / "assembled.npy").write_bytes(b"of a run that was killed")
    with monkeypatch.context() as patch:
        patch.setattr(EncodingJob, "has", full)
        with pytest.raises(OSError, match="No space left"):
            encode_file(mini, texts, path)
    assert not list(folder.glob("assembled*"))
    assert encode_file(mini, texts, path).kept_rows == len(texts)


@pytest.mark.sampled
@pytest.mark.parametrize("suffix", ["npy", "jsonl", "parquet", "safetensors"])
def test_a_name_that_is_not_utf8(mini, texts, tmp_path, suffix):
    encode_file(mini, texts, whole := tmp_path / f"whole.{suffix}")
    path = tmp_path / f"b\udcffd.{suffix}"
    for number in (1, 2):
        encode_file(mini, texts, path, EncodeOptions(shard=Shard(number, 2)))
    assert merge(path).rows == len(texts)
    assert path.read_bytes() == whole.read_bytes()
    path.unlink()
    begin(mini, texts, path)
    assert encode_file(mini, texts, path).kept_rows == 16
    assert path.read_bytes() == whole.read_bytes()
