"""Shorter vectors, unit vectors, and the input's columns beside them."""

import csv
import datetime
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentemb.datasets import read_texts
from sentemb.datasets.texts import TextRow
from sentemb.encoder import load
from sentemb.encoding import EncodeOptions, Shard, encode_file, merge, windows
from sentemb.encoding.manifest import Manifest
from sentemb.errors import InputError, UsageError
from sentemb.inference.embedder import Embedder

WORDS = ("red", "green", "blue", "old", "new")
ROWS = [
    TextRow(f"{WORDS[n % 5]} {WORDS[n % 3]}", {"id": n, "text": f"{WORDS[n % 5]} {WORDS[n % 3]}"})
    for n in range(30)
]
TEXTS = [row.text for row in ROWS]


class PulledPlugError(Exception):
    pass


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    monkeypatch.setattr(windows, "ROWS", 8)


@pytest.fixture
def tiny(build_tiny):
    return build_tiny("Bert")


def cut_short(rows):
    yield from rows[:20]
    raise PulledPlugError


def test_dims_and_normalize_are_the_first_numbers_at_unit_length(tiny, tmp_path):
    whole = load(tiny).encode(TEXTS)
    first = whole[:, :4]
    unit = first / np.linalg.norm(first, axis=1, keepdims=True)
    close = {"atol": 1e-6, "rtol": 0}
    np.testing.assert_allclose(load(tiny).encode(TEXTS, dims=4, normalize=True), unit, **close)
    np.testing.assert_allclose(load(tiny).encode(TEXTS[0], dims=4), first[0], **close)
    assert load(tiny).encode([], dims=4).shape == (0, 4)
    made = load(tiny).encode_file(TEXTS, tmp_path / "new" / "a.npy", dims=4, normalize=True)
    assert made.dim == 4
    np.testing.assert_allclose(np.load(tmp_path / "new" / "a.npy"), unit, **close)


def test_more_numbers_than_a_vector_has_write_nothing(tiny, tmp_path):
    width = load(tiny).dim
    for call in (
        lambda: load(tiny).encode(TEXTS, dims=width + 1),
        lambda: encode_file(tiny, TEXTS, tmp_path / "b" / "a.npy", EncodeOptions(dims=width + 1)),
    ):
        with pytest.raises(UsageError, match=f"dims must be at most {width}, .* got {width + 1}"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_folders_are_made_and_an_error_leaves_none(tiny, tmp_path):
    with pytest.raises(InputError, match="no row"):
        encode_file(tiny, [], tmp_path / "b" / "c" / "a.npy")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match=r"'.*file' is not a folder"):
        encode_file(tiny, TEXTS, tmp_path / "file" / "c" / "a.npy")
    encode_file(tiny, TEXTS, tmp_path / "b" / "c" / "a.npy")
    assert np.load(tmp_path / "b" / "c" / "a.npy").shape[0] == 30


@pytest.mark.sampled
@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_job_with_columns_is_resumed_and_shared_to_the_same_byte(
    tiny, tmp_path, suffix, monkeypatch
):
    how = {"dims": 4, "normalize": True, "keep_columns": True}
    whole, path = tmp_path / f"whole.{suffix}", tmp_path / f"a.{suffix}"
    encode_file(tiny, ROWS, whole, EncodeOptions(**how))
    encoded, embed = [], Embedder.embed
    monkeypatch.setattr(
        Embedder, "embed", lambda self, tokens: encoded.extend(tokens.texts) or embed(self, tokens)
    )
    with pytest.raises(PulledPlugError):
        encode_file(tiny, cut_short(ROWS), path, EncodeOptions(**how))
    assert encode_file(tiny, ROWS, path, EncodeOptions(**how)).kept_rows == 16
    assert sorted(encoded) == sorted(set(TEXTS))
    assert path.read_bytes() == whole.read_bytes()
    shared = tmp_path / f"shared.{suffix}"
    for number in (1, 2):
        encode_file(tiny, ROWS, shared, EncodeOptions(**how, shard=Shard(number, 2)))
    merge(shared)
    assert shared.read_bytes() == whole.read_bytes()


@pytest.mark.sampled
@pytest.mark.parametrize(
    "changed", [{"dims": 3}, {"normalize": True}, {"keep_columns": True}, {"batch_size": 2}]
)
def test_each_option_is_part_of_what_a_job_is(tiny, tmp_path, changed):
    path, name = tmp_path / "a.jsonl", next(iter(changed))
    with pytest.raises(PulledPlugError):
        encode_file(tiny, cut_short(ROWS), path)
    now = "given" if changed[name] is True else changed[name]
    with pytest.raises(UsageError, match=f"begun otherwise: {name} not given, now {now}"):
        encode_file(tiny, ROWS, path, EncodeOptions(**changed))
    encode_file(tiny, ROWS, path, EncodeOptions(shard=Shard(1, 2)))
    encode_file(tiny, ROWS, path, EncodeOptions(**changed, shard=Shard(2, 2)))
    with pytest.raises(InputError, match=f"different|{name} None and {changed[name]}"):
        merge(path)


def test_a_job_of_an_earlier_version_goes_on(tiny, tmp_path):
    with pytest.raises(PulledPlugError):
        encode_file(tiny, cut_short(TEXTS), tmp_path / "a.npy")
    assert not {"dims", "normalize", "keep_columns", "batch_size"} & set(
        Manifest(tmp_path / "a.npy.parts").options
    )
    assert encode_file(tiny, TEXTS, tmp_path / "a.npy").kept_rows == 16


def test_another_value_in_a_kept_column_is_noticed(tiny, tmp_path):
    how = EncodeOptions(keep_columns=True)
    with pytest.raises(PulledPlugError):
        encode_file(tiny, cut_short(ROWS), tmp_path / "a.csv", how)
    other = [ROWS[0]._replace(columns={"id": 99, "text": ROWS[0].text}), *ROWS[1:]]
    with pytest.raises(UsageError, match="Texts 1 to 8 of the input are not those"):
        encode_file(tiny, other, tmp_path / "a.csv", how)
    assert encode_file(tiny, other, tmp_path / "b.csv").rows == 30


def test_columns_keep_their_kinds(tiny, tmp_path):
    given = pa.table(
        {
            "id": [7, 8],
            "review": ['a, "b"\nc', None],
            "stars": [4.5, float("nan")],
            "tags": [["x"], ["y", "z"]],
            "day": [datetime.date(2026, 1, 2)] * 2,
            "seen": [True, None],
        }
    )
    pq.write_table(given, tmp_path / "in.parquet")
    expected = given.to_pylist()
    expected[0] |= {"day": "2026-01-02"}
    expected[1] |= {"day": "2026-01-02", "review": "", "stars": None}
    vectors = load(tiny).encode([row["review"] for row in expected])
    for suffix in ("parquet", "jsonl", "csv"):
        path = tmp_path / f"out.{suffix}"
        load(tiny).encode_file(tmp_path / "in.parquet", path, column="review", keep_columns=True)
        rows = {"parquet": of_parquet, "jsonl": of_jsonl, "csv": of_csv}[suffix](path)
        found = np.array([row.pop("embedding") for row in rows], dtype=np.float32)
        np.testing.assert_allclose(found, vectors, atol=5e-6)
        if suffix != "csv":
            assert rows == expected
        assert list(rows[0]) == given.column_names
    assert rows[0] == {"id": "7", "review": 'a, "b"\nc', "stars": "4.5", "tags": '["x"]',
                       "day": "2026-01-02", "seen": "true"}  # fmt: skip
    assert list(read_texts(path, "review")) == ['a, "b"\nc', ""]


def of_parquet(path):
    return pq.read_table(path).to_pylist()


def of_jsonl(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def of_csv(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{**row, "embedding": json.loads(row["embedding"])} for row in rows]


def test_rows_of_other_shapes_and_kinds_share_a_table(tiny, tmp_path):
    given = [{"text": "a", "n": 1}, {"text": "b", "n": 2.5}, {"text": "c", "m": {"k": 1}}]
    given += [{"text": "d", "m": "\ud800", "n": 2**70}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, given)))
    for suffix in ("parquet", "csv"):
        load(tiny).encode_file(tmp_path / "in.jsonl", tmp_path / f"a.{suffix}", keep_columns=True)
    found = of_parquet(tmp_path / "a.parquet")
    assert [row["n"] for row in found] == ["1", "2.5", None, str(2**70)]
    assert [row["m"] for row in found] == [None, None, '{"k": 1}', "\ufffd"]
    assert [row["n"] for row in of_csv(tmp_path / "a.csv")] == ["1", "2.5", "", str(2**70)]


def test_a_column_that_the_vectors_need(tiny, tmp_path):
    rows = [{"text": "a", "embedding": 1}]
    with pytest.raises(InputError, match="A column of the input is called 'embedding'"):
        load(tiny).encode_file(rows, tmp_path / "a.csv", keep_columns=True)
    with pytest.raises(UsageError, match=r"A \.safetensors file holds vectors alone"):
        load(tiny).encode_file(rows, tmp_path / "a.safetensors", keep_columns=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("limits", "largest"),
    [({"batch_size": 3}, 3), ({"batch_size": 3, "batch_tokens": 8}, 2), ({"batch_tokens": 8}, 2)],
)
def test_a_batch_counts_texts_or_tokens_or_both(tiny, monkeypatch, limits, largest):
    batches, one = [], Embedder._batch
    monkeypatch.setattr(
        Embedder, "_batch", lambda self, t, batch: batches.append(len(batch)) or one(self, t, batch)
    )
    found = load(tiny).encode(TEXTS, **limits)
    assert max(batches) == largest
    np.testing.assert_allclose(found, load(tiny).encode(TEXTS), atol=1e-5)
    with pytest.raises(UsageError, match="batch_size must be at least 1, got 0"):
        load(tiny).encode(TEXTS, batch_size=0)


def test_a_device_is_asked_for_by_name():
    assert str(load("mini", device="cpu")._encoder.device) == "cpu"
    with pytest.raises(UsageError, match="device must be cpu, cuda, cuda:N or mps, got 'gpu'"):
        load("mini", device="gpu")
    with pytest.raises(UsageError, match=r"'cuda:99' is not available, .* use cpu"):
        load("mini", device="cuda:99")
    with pytest.raises(UsageError, match="device needs a model given by name"):
        load(load("mini"), device="cpu")
