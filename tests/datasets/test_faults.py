"""Rows with faults in each format: left out, replaced or refused, and counted."""

import csv
import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentemb.datasets import lines, read_texts
from sentemb.datasets.faults import Faults, Found
from sentemb.errors import InputError


@pytest.fixture
def read(tmp_path):
    """Write a file and read its texts; returns them with what was found."""

    def texts(name, content, errors="replace"):
        (tmp_path / name).write_bytes(content)
        faults = Faults(errors)
        return list(read_texts(tmp_path / name, faults=faults)), faults

    return texts


QUOTED = b'text,n\none,1\n"two\n\xff"",\nlines",2\n"three",3\n'


def test_a_row_of_csv_is_left_out_whole(read):
    found, faults = read("a.csv", QUOTED, "skip")
    assert (found, faults.invalid) == (["one", "three"], Found(1, [3]))
    found, faults = read("a.csv", QUOTED)
    assert (found, faults.invalid) == (["one", 'two\n\ufffd",\nlines', "three"], Found(1, [3]))
    with pytest.raises(InputError, match="row 3: not UTF-8"):
        read("a.csv", QUOTED, "strict")


@given(st.lists(st.text('a ",\n\xff', max_size=6), min_size=1))
def test_what_stays_of_csv_is_as_it_was_written(tmp_path_factory, texts):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([["text", "n"], *([text, 1] for text in texts)])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(file.getvalue().encode("latin-1"))
    faults = Faults("skip")
    good = [text for text in texts if "\xff" not in text]
    found = list(read_texts(path, faults=faults)) if good else []
    assert found == good
    assert faults.invalid.rows == (len(texts) - len(good) if good else 0)


@pytest.mark.parametrize(("name", "separator"), [("a.csv", b","), ("a.tsv", b"\t")])
def test_names_of_columns_that_are_no_text_are_never_left_out(read, name, separator):
    content = separator.join([b"text", b"\xff\n"]) + separator.join([b"one", b"1\n"])
    with pytest.raises(InputError, match="row 1: the names of the columns are not UTF-8"):
        read(name, content, "skip")
    found, faults = read(name, content)
    assert (found, faults.invalid) == (["one"], Found(1, [1]))
    with pytest.raises(InputError, match="no column 'text'; it has te\ufffdt"):
        read(name, content.replace(b"text", b"te\xfft"))


@pytest.mark.parametrize(
    ("name", "content", "expected", "blank"),
    [
        ("a.jsonl", b'\n{"text": "a"}\n \t\n{"text": ""}\r\n\r\n', ["a", ""], Found(3, [1, 3, 5])),
        ("a.csv", b"text,n\na,1\n\n,2\n\r\n", ["a", ""], Found(2, [3, 5])),
        ("a.tsv", b"text\tn\na\t1\n\n\t2\n", ["a", ""], Found(1, [3])),
        ("a.csv", b"text\na\n\n", ["a", ""], Found()),
        ("a.txt", b"a\n\n", ["a", ""], Found()),
    ],
)
def test_a_blank_line_is_a_row_or_counted(read, name, content, expected, blank):
    found, faults = read(name, content)
    assert (found, faults.blank_lines) == (expected, blank)


def test_a_row_with_two_faults_is_one_row(read):
    found, faults = read("a.jsonl", b'{"text": "\xff \\ud800"}\n')
    assert (found, faults.invalid) == (["\ufffd \ufffd"], Found(1, [1]))


def test_nul_is_counted_however_it_is_written(read, tmp_path):
    assert read("a.jsonl", b'{"text": "a\\u0000"}\n')[1].nul == Found(1, [1])
    assert read("a.csv", b'text\nb\n"a\0\nc\0"\n')[1].nul == Found(1, [3])
    pq.write_table(pa.table({"text": ["a", "b\0"]}), tmp_path / "b.parquet")
    faults = Faults()
    assert list(read_texts(tmp_path / "b.parquet", faults=faults)) == ["a", "b\0"]
    assert faults.nul == Found(1, [2])


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.csv", b"text\r\na\r\nb\r\n", Found(2, [2, 3])),
        ("a.csv", b'text\r\n"a\r\nb\r\nc"\r\n', Found(1, [2])),
        ("a.csv", b'text\n"a\r\nb"\nc\n', Found(1, [2])),
        ("a.tsv", b"text\r\na\r\nb\n", Found(1, [2])),
        ("a.jsonl", b'{"text": "a"}\r\n\r\n', Found(1, [1])),
    ],
)
def test_cr_lf_is_counted_by_rows(read, name, content, rows):
    assert read(name, content)[1].crlf == rows


@pytest.mark.parametrize("more", [0, 1, 2, 3, 2**20 - 1, 2**20, 2**20 + 1])
def test_cr_lf_of_a_long_line(read, more):
    _, faults = read("a.txt", b"x" * (2**20 + more) + b"\r\na\n")
    assert (faults.crlf.rows, faults.long.rows) == (1, int(more > 0))


def test_a_row_left_out_has_no_other_fault(read):
    found, faults = read("a.txt", b"\xff\0\r\na\n" + b"\xff" * 2**21, "skip")
    assert found == ["a"]
    assert faults == Faults("skip", invalid=Found(2, [1, 3]))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"text,n,text\na,1,b\n", "two columns called 'text'"),
        ("a.tsv", b"text\tn\ttext\na\t1\tb\n", "two columns called 'text'"),
        (
            "a.jsonl",
            b'{"text": "a", "text": "b"}\n',
            "row 1: not JSON .an object names .text",
        ),
        ("a.csv", b"\ntext\na\n", "row 1 is blank: it should name the columns"),
        ("a.tsv", b"\ntext\na\n", "row 1 is blank: it should name the columns"),
        ("a.jsonl", b'{"n": 1}\n{"text": "a"}\n', "first row has no column 'text'; it has n"),
    ],
)
def test_columns_that_cannot_be_told(read, name, content, message):
    with pytest.raises(InputError, match=message):
        read(name, content)


def test_two_columns_of_parquet_with_one_name(tmp_path):
    table = pa.Table.from_arrays([pa.array(["a"])] * 2, names=["text", "text"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a.parquet has two columns called 'text'"):
        list(read_texts(tmp_path / "a.parquet"))


def test_a_row_of_parquet_that_is_no_text_is_named(tmp_path):
    texts = pa.array([b"a", b"b", b"\xff"]).view(pa.string())
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a.parquet, row 3: .*invalid start byte"):
        list(read_texts(tmp_path / "a.parquet"))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_parquet_damaged_inside_is_named(tmp_path, suffix):
    pq.write_table(pa.table({"text": [f"row {number}" for number in range(999)]}),
                   tmp_path / "a.parquet", use_dictionary=False)  # fmt: skip
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[100:200] = b"\xff" * 100
    path = tmp_path / f"b.parquet{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    with pytest.raises(InputError, match=r"b.parquet.*a damaged one \(Corrupt snappy") as caught:
        list(read_texts(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_may_not_be_read_is_an_input_error(read, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(lines, "_stream", refuse)
    with pytest.raises(InputError, match=r"Permission denied: '.*a.txt'"):
        read("a.txt", b"a\n")


def test_names_of_files_in_capitals(read):
    assert read("A.TXT.GZ", gzip.compress(b"a\n"))[0] == ["a"]
    assert read("A.JSONL", b'{"text": "a"}\n')[0] == ["a"]


@pytest.mark.parametrize("name", ["missing", "missing.xyz", "missing.txt"])
def test_what_is_missing_is_said_to_be(tmp_path, name):
    with pytest.raises(InputError, match=f"No file '.*{name}'"):
        list(read_texts(tmp_path / name))
