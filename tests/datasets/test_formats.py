"""Encodings, delimiters and formats that are read where they are beyond doubt, or named."""

import gzip
import json

import pytest

from sentemb.checks import Limits, check_file
from sentemb.datasets import read_texts, read_training_data
from sentemb.datasets.delimiters import separated_by
from sentemb.datasets.faults import Faults, Found
from sentemb.errors import InputError, UsageError

LIMITS = Limits(count=lambda texts: [len(text.split()) for text in texts], max_length=9)
PAIRS = [("anchor", "positive")]
TABLE = "anchor,positive\nein Käse,two words\nthree words,four words\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("compressed", [False, True])
def test_utf_16_is_read(tmp_path, caplog, encoding, compressed):
    caplog.set_level("INFO")
    path = tmp_path / ("a.csv.gz" if compressed else "a.csv")
    content = TABLE.encode(encoding)
    path.write_bytes(gzip.compress(content) if compressed else content)
    rows = read_training_data(path, PAIRS).rows
    assert rows["anchor"][:] == ["ein Käse", "three words"]
    assert f"{path}: read as {encoding[:6].upper()}." in caplog.messages
    assert "encoding" in {problem.name for problem in check_file(path, LIMITS).problems}


def test_damaged_utf_16_is_named(tmp_path):
    (tmp_path / "a.txt").write_bytes("one\ntwo\n".encode("utf-16")[:-1])
    with pytest.raises(InputError, match="damaged UTF-16"):
        list(read_texts(tmp_path / "a.txt"))
    (tmp_path / "b.txt").write_bytes(b"\xff\xfea\0\n\0\0\xd8\n\0")
    faults = Faults("replace")
    assert len(list(read_texts(tmp_path / "b.txt", faults=faults))) == 2
    assert faults.invalid == Found(1, [2])


@pytest.mark.parametrize(
    ("name", "delimiter", "words"),
    [("a.csv", ";", "semicolons"), ("a.csv", "\t", "tabs"), ("a.tsv", ",", "commas"),
     ("a.tsv", ";", "semicolons")],
)  # fmt: skip
def test_another_delimiter_is_found_by_the_header(tmp_path, caplog, name, delimiter, words):
    caplog.set_level("INFO")
    path = tmp_path / name
    path.write_text(TABLE.replace(",", delimiter) + f'"a{delimiter}b"{delimiter}c\n')
    assert read_training_data(path, PAIRS).rows["anchor"][2] == f"a{delimiter}b"
    assert f"{path}: read as separated by {words}." in caplog.messages
    assert "separator" in {problem.name for problem in check_file(path, LIMITS).problems}


def test_a_delimiter_that_is_given_is_used_where_the_header_has_it(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text|note, mine\na, b|c\n")
    with separated_by("bar"):
        assert list(read_texts(path)) == ["a, b"]
    with pytest.raises(UsageError, match="delimiter must be one of"), separated_by("x"):
        pass


@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_of_json_and_lines_of_json_are_read_by_either_name(tmp_path, indent):
    rows = [{"text": "a, \u6587"}, {"text": "b"}, {"text": ""}]
    for name in ("a.json", "a.jsonl", "a.ndjson"):
        path = tmp_path / name
        path.write_text(json.dumps(rows, indent=indent))
        assert list(read_texts(path)) == ["a, \u6587", "b", ""]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert list(read_texts(path)) == ["a, \u6587", "b", ""]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[{"text": "a"}, {"text": "\xff"}]', "row 2: not UTF-8"),
        (b'[{"text": "a"} {"text": "b"}]', "row 2: not JSON"),
        (b'[{"text": "a"}, {"te', "row 2: not JSON"),
        (b'[{"text": "a"}] x', "follows on the end of the list"),
        (b'{\n"text": "a"\n}', "row 1: not JSON.*an object a line, or one list of objects"),
    ],
)
def test_json_that_is_none_names_the_row(tmp_path, content, message):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_texts(tmp_path / "a.json", faults=Faults("strict")))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", b"PK", "unknown format '.xlsx'.*Save the sheet as csv"),
        ("a.ods", b"PK", "Save the sheet as csv"),
        ("a.pdf", b"%PDF", "plain text"),
        ("a.zip", b"PK", "Unpack it"),
        ("a.csv", b"PK\x03\x04xx", "a zip archive, as .xlsx"),
        ("a.txt", b"%PDF-1.7", "a PDF: extract its text first"),
        ("a.txt", bytes(range(256)) * 16, "416 of its first 4096 bytes are control characters"),
        ("a.csv", gzip.compress(b"text\na\n", mtime=0), "compressed by gzip: add .gz"),
    ],
)
def test_the_way_out_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_texts(tmp_path / name))
