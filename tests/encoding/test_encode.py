import hashlib
import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, WordEmbeddings
from sentence_transformers.sentence_transformer.modules.tokenizer import WhitespaceTokenizer

from sentemb.encoding import EncodeOptions, encode_file, windows
from sentemb.encoding.fingerprint import fingerprint
from sentemb.encoding.pipeline import ahead
from sentemb.errors import InputError, NumericError, UsageError

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


@pytest.mark.sampled
@pytest.mark.parametrize("rows", [2048, 3, 1])
@pytest.mark.parametrize("suffix", READ)
def test_every_format_holds_the_vectors_in_order(
    mini, expected, tmp_path, suffix, rows, monkeypatch
):
    monkeypatch.setattr(windows, "ROWS", rows)
    path = tmp_path / f"out.{suffix}"
    summary = encode_file(mini, TEXTS, path)
    written = READ[suffix](path)
    assert written.dtype == np.float32
    np.testing.assert_allclose(written, expected, atol=5e-6)
    np.testing.assert_array_equal(written[0], written[3])
    assert (summary.rows, summary.distinct_texts, summary.empty_rows, summary.dim) == (4, 3, 1, 96)
    assert summary.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("rows", [4096, 2])
def test_a_stream_gets_jsonl(mini, expected, monkeypatch, rows):
    monkeypatch.setattr(windows, "ROWS", rows)
    stream = io.BytesIO()
    summary = encode_file(mini, [*TEXTS, "word " * 400], stream)
    lines = stream.getvalue().splitlines(keepends=True)
    np.testing.assert_allclose(read_jsonl(b"".join(lines[:4])), expected, atol=5e-6)
    assert (summary.rows, summary.truncated_rows, summary.dim, summary.sha256) == (5, 1, 96, None)


def test_a_prompt_counts_where_texts_are_cut(mini, tmp_path):
    mini.max_seq_length = 8
    texts = ["one two three", "one two three four five six seven"]
    assert encode_file(mini, texts, tmp_path / "bare.npy").truncated_rows == 1
    mini.prompts, mini.default_prompt_name = {"long": "a b c d e f: "}, "long"
    assert encode_file(mini, texts, tmp_path / "prompt.npy").truncated_rows == 2


def test_an_encoder_that_does_not_tell_what_it_cuts(tmp_path):
    tokenizer = WhitespaceTokenizer(["a", "b", "c"], stop_words=[], do_lower_case=True)
    words = WordEmbeddings(tokenizer, np.eye(3, 4), max_seq_length=2)
    encoder = SentenceTransformer(modules=[words, Pooling(4)], device="cpu")
    summary = encode_file(encoder, ["a b c c", "a b"], tmp_path / "a.jsonl")
    assert summary.truncated_rows is None
    assert summary.rows == 2


@pytest.mark.parametrize("name", ["default_prompt_name", "truncate_dim", "prompts"])
def test_what_an_encoder_does_to_texts_and_vectors_is_part_of_it(mini, name):
    before = fingerprint(mini)
    mini.prompts = {"query": "find: ", "other": "like: "}
    named = fingerprint(mini)
    assert named != before
    value = {"default_prompt_name": "query", "truncate_dim": 64, "prompts": {"query": "seek: "}}
    setattr(mini, name, value[name])
    assert fingerprint(mini) not in (before, named)


def test_where_a_tokenizer_cuts_is_part_of_it_but_not_what_it_did_last(mini):
    before = fingerprint(mini)
    mini.encode(["one text"])
    assert fingerprint(mini) == before
    mini.tokenizer.truncation_side = "left"
    assert fingerprint(mini) != before


def test_a_tokenizer_is_the_same_wherever_it_lies():
    found = set()
    for words in (["a", "b"], ["a", "b"], ["a", "c"]):
        tokenizer = WhitespaceTokenizer(words, stop_words=["the", "an", "of"])
        embeddings = WordEmbeddings(tokenizer, np.eye(2, 4))
        found.add(fingerprint(SentenceTransformer(modules=[embeddings], device="cpu")))
    assert len(found) == 2


def test_truncated_rows_are_counted(mini, tmp_path):
    mini.max_seq_length = 8
    texts = [*TEXTS, "word " * 6, "word " * 7, "word " * 7]
    summary = encode_file(mini, texts, tmp_path / "a.npy")
    assert summary.truncated_rows == 3


def test_a_vector_that_is_no_number_is_never_written(mini, tmp_path):
    number = mini.tokenizer.convert_tokens_to_ids("third")
    mini[0].model.embeddings.word_embeddings.weight.data[number] = float("nan")
    with pytest.raises(NumericError, match=r"Text 3 .* has no finite embedding"):
        encode_file(mini, TEXTS, tmp_path / "a.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", ["encode", "nan", "error"])
def test_what_an_empty_row_gets(mini, expected, tmp_path, given):
    texts, options = [*TEXTS, " "], EncodeOptions(empty=given)
    if given == "error":
        with pytest.raises(InputError, match="Text 2 is empty"):
            encode_file(mini, texts, tmp_path / "a.npy", options)
        assert list(tmp_path.iterdir()) == []
        return
    encode_file(mini, texts, tmp_path / "a.npy", options)
    written = np.load(tmp_path / "a.npy")
    blank = np.array([False, True, False, False, True])
    assert np.isnan(written).any(axis=1).tolist() == (blank & (given == "nan")).tolist()
    np.testing.assert_allclose(written[~blank], expected[[0, 2, 3]], atol=5e-6)
    encode_file(mini, texts, tmp_path / "a.jsonl", options)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["embedding"] is None for line in lines] == np.isnan(written[:, 0]).tolist()


def test_another_word_for_an_empty_row():
    with pytest.raises(UsageError, match="empty must be one of encode, nan, error; got 'zero'"):
        EncodeOptions(empty="zero")


def test_nothing_to_encode(mini, tmp_path):
    with pytest.raises(InputError, match="no row to encode"):
        encode_file(mini, [], tmp_path / "a.npy")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_format(mini, tmp_path):
    with pytest.raises(
        UsageError, match=r"Cannot write .*\.xlsx'; allowed endings: \.npy, \.jsonl"
    ):
        encode_file(mini, TEXTS, tmp_path / "a.xlsx")


def test_a_file_that_exists_is_not_overwritten_unasked(mini, tmp_path):
    path = tmp_path / "a.npy"
    path.write_text("precious")
    with pytest.raises(UsageError, match="exists"):
        encode_file(mini, TEXTS, path)
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]
    encode_file(mini, TEXTS, path, overwrite=True)
    assert np.load(path).shape == (4, 96)


def test_one_ahead_keeps_order_and_errors():
    def items():
        yield 1
        yield 2
        raise ValueError("row 3")

    got = []
    with pytest.raises(ValueError, match="row 3"):
        got.extend(ahead(items()))
    assert got == [1, 2]
