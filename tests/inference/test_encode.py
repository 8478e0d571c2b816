import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from sentemb.errors import InputError, NumericError, UsageError
from sentemb.inference import encode, encode_file

TEXTS = ["A first sentence.", "", "The third, which is a little longer.", "A first sentence."]


@pytest.fixture
def expected(mini):
    return mini.encode(TEXTS)


def read_jsonl(data):
    rows = [json.loads(line) for line in data.decode().splitlines()]
    assert [row["text"] for row in rows] == TEXTS
    return np.array([row["embedding"] for row in rows], dtype=np.float32)


def read_parquet(path):
    table = pq.read_table(path)
    assert table["text"].to_pylist() == TEXTS
    return np.array(table["embedding"].to_pylist(), dtype=np.float32)


READ = {
    "npy": np.load,
    "jsonl": lambda path: read_jsonl(path.read_bytes()),
    "parquet": read_parquet,
    "safetensors": lambda path: load_file(path)["embeddings"],
}


@pytest.mark.parametrize("window", [2048, 3, 1])
@pytest.mark.parametrize("suffix", READ)
def test_every_format_holds_the_vectors_in_order(
    mini, expected, tmp_path, suffix, window, monkeypatch
):
    monkeypatch.setattr(encode, "WINDOW", window)
    path = tmp_path / f"out.{suffix}"
    summary = encode_file(mini, TEXTS, path)
    written = READ[suffix](path)
    assert written.dtype == np.float32
    np.testing.assert_allclose(written, expected, atol=1e-6)
    assert (summary.rows, summary.empty_rows, summary.dim) == (4, 1, 128)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_stream_gets_jsonl(mini, expected):
    stream = io.BytesIO()
    encode_file(mini, TEXTS, stream)
    np.testing.assert_allclose(read_jsonl(stream.getvalue()), expected, atol=1e-6)


def test_truncated_rows_are_counted(mini, tmp_path):
    mini.max_seq_length = 8
    summary = encode_file(mini, [*TEXTS, "word " * 6, "word " * 7], tmp_path / "a.npy")
    assert summary.truncated_rows == 2


def test_a_vector_that_is_no_number_is_never_written(mini, tmp_path):
    mini[0].model.embeddings.LayerNorm.weight.data.fill_(float("nan"))
    with pytest.raises(NumericError, match="Row 1 has no finite embedding"):
        encode_file(mini, TEXTS, tmp_path / "a.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", READ)
def test_an_interrupted_file_is_no_file(mini, tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(encode, "WINDOW", 2)

    def texts():
        yield from TEXTS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_file(mini, texts(), tmp_path / f"a.{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_encode(mini, tmp_path):
    with pytest.raises(InputError, match="no row to encode"):
        encode_file(mini, [], tmp_path / "a.npy")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format(mini, tmp_path):
    with pytest.raises(UsageError, match=r"Cannot write '\.xlsx'; allowed: \.npy, \.jsonl"):
        encode_file(mini, TEXTS, tmp_path / "a.xlsx")
