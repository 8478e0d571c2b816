"""A file with every fault at once, and a summary whose counts are all exact."""

import hashlib
import json

import numpy as np
import pytest

from sentemb import build_encoder
from sentemb.bundled import bundled
from sentemb.datasets import read_texts
from sentemb.datasets.faults import Faults

LONG = "word " * 300  # more than the encoder's 128 tokens
ROWS = [
    b"\xef\xbb\xbfA first row, after a byte-order mark.\r",
    b"",
    b"An ordinary row.",
    b"\xff\xfe\x00 no text at all \xc3",
    b"An ordinary row.",
    b"   \t",
    b"NUL \x00 inside",
    LONG.encode(),
    "line\u2028separator, next\u0085line, form\x0cfeed, \x1b[31mred\x1b[0m".encode(),
    b"cut \xe2\x82",
    b"=1+cmd|'/c calc'!A1",
    LONG.encode(),
    b"y" * (2**20 + 5),
    "e\u0301 is not \u00e9".encode(),
    b"ends with CR LF\r",
    b"ends with nothing",
]
EXACT = {
    "rows": 16,
    "distinct_texts": 14,  # an ordinary row and a long one come twice
    "empty_rows": 2,
    "truncated_rows": 2,  # the 1 MiB of y is one word, so it is one token
    "unknown_rows": 1,  # the same row
    "unread_rows": 1,
    "unknown_tokens": 1,
    "known_tokens": 325,
    "kept_rows": 0,
    "halved_batches": 0,
    "dim": 96,
    "chunks": None,
    "errors": "replace",
    "encoding": "utf-8",
    "separator": "",
    "bom": True,
    "invalid_rows": 2,
    "first_invalid_rows": [4, 10],
    "long_rows": 1,
    "first_long_rows": [13],
    "nul_rows": 2,
    "first_nul_rows": [4, 7],
    "crlf_rows": 2,
    "first_crlf_rows": [1, 15],
    "blank_lines": 0,
    "first_blank_lines": [],
}


@pytest.fixture
def hostile(tmp_path):
    path = tmp_path / "hostile.txt"
    path.write_bytes(b"\n".join(ROWS))
    return path


def test_every_count_is_exact(sentemb, hostile):
    done = sentemb("encode", "hostile.txt", "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    summary = printed["summary"]
    del summary["seconds"]
    output = hostile.with_suffix(".npy")
    assert summary.pop("sha256") == hashlib.sha256(output.read_bytes()).hexdigest()
    assert summary == EXACT
    texts = list(read_texts(hostile, faults=Faults("replace")))
    expected = build_encoder("mini-sentemb", device="cpu").encode(texts)
    np.testing.assert_allclose(np.load(output), expected, atol=1e-5)
    told = done.stderr.decode()
    assert "16 rows x 96" in told
    assert "2 repeated, 2 empty, 2 truncated" in told
    assert "2 rows contained invalid UTF-8; the invalid bytes were replaced: 4, 10" in told
    assert "1 rows longer than 1 MiB, cut: 13" in told
    assert "2 rows with NUL characters, kept: 4, 7" in told


def test_faulty_rows_left_out_are_counted(sentemb, hostile):
    summary = json.loads(sentemb("encode", "hostile.txt", "--errors", "skip", "--json").stdout)
    assert summary["summary"]["rows"] == 14
    assert summary["summary"]["invalid_rows"] == 2


def test_shards_and_their_merge_tell_of_faulty_rows_too(sentemb, hostile):
    told = [
        sentemb("encode", "hostile.txt", "-o", "a.npy", "--shard", f"{number}/2").stderr.decode()
        for number in (1, 2)
    ]
    assert "shard 1/2 is done" in told[0]
    merged = sentemb("merge", "a.npy", "--json")
    for words in (*told, merged.stderr.decode()):
        assert "2 rows contained invalid UTF-8; the invalid bytes were replaced: 4, 10" in words
        assert "1 rows longer than 1 MiB, cut: 13" in words
    summary = json.loads(merged.stdout)["summary"]
    assert {name: summary[name] for name in EXACT} == EXACT | {"kept_rows": 16}


def test_blank_lines_of_jsonl_are_told(sentemb, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n\n{"text": ""}\n\n')
    done = sentemb("encode", "a.jsonl", "--json")
    summary = json.loads(done.stdout)["summary"]
    assert (summary["rows"], summary["empty_rows"]) == (2, 1)
    assert (summary["blank_lines"], summary["first_blank_lines"]) == (2, [2, 4])
    assert b"2 blank lines, which are not rows: 2, 4" in done.stderr


def test_a_faulty_row_is_an_error_where_that_is_wanted(sentemb, hostile):
    done = sentemb("encode", "hostile.txt", "--errors", "strict")
    assert done.returncode == 3
    assert b"row 4: not UTF-8" in done.stderr
    assert list(hostile.parent.iterdir()) == [hostile]


def test_every_format_keeps_the_rows(sentemb, hostile):
    for suffix in ("jsonl", "parquet", "safetensors"):
        done = sentemb("encode", "hostile.txt", "-o", f"a.{suffix}")
        assert done.returncode == 0, done.stderr
    lines = (hostile.parent / "a.jsonl").read_bytes().split(b"\n")[:-1]
    texts = [json.loads(line)["text"] for line in lines]
    assert texts == list(read_texts(hostile, faults=Faults("replace")))


@pytest.mark.parametrize("words", [["--errors", "ignore"], ["--empty", "drop"], ["--shard", "3"]])
def test_other_words_for_options(sentemb, hostile, words):
    done = sentemb("encode", "hostile.txt", *words)
    assert done.returncode == 2
    assert words[1].encode() in done.stderr


def test_embedded_sentences_have_no_fault():
    faults = Faults("strict")
    assert sum(1 for _ in read_texts(bundled("sentences.txt"), faults=faults)) > 2000
    assert faults == Faults("strict")
