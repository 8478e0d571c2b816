"""Every format, compressed or not, and every way a file can be wrong."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentemb.bundled import bundled
from sentemb.datasets import lines, read_inputs, read_sts, read_texts, read_training_data
from sentemb.datasets.faults import Faults, Found
from sentemb.errors import InputError, UsageError

TEXT = [("text",)]
TRIPLET = [("anchor", "positive", "negative"), ("anchor", "positive")]
FORMATS = bundled("formats")


def write(path, content):
    data = content if isinstance(content, bytes) else content.encode()
    if path.suffix == ".zst":
        with pa.CompressedOutputStream(str(path), "zstd") as file:
            file.write(data)
        return path
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


TABLE = {
    "a.csv": 'text,n\n"one, two",1\nthree,2\n',
    "a.tsv": "text\tn\none, two\t1\nthree\t2\n",
    "a.jsonl": '{"text": "one, two"}\n{"text": "three"}\n',
    "a.txt": "one, two\nthree\n",
}


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
@pytest.mark.parametrize("name", [*TABLE, "a.parquet"])
def test_every_format(tmp_path, name, suffix):
    if name == "a.parquet":
        pq.write_table(pa.table({"text": ["one, two", "three"]}), tmp_path / name)
        path = write(tmp_path / f"b.parquet{suffix}", (tmp_path / name).read_bytes())
    else:
        path = write(tmp_path / f"{name}{suffix}", TABLE[name])
    assert list(read_texts(path)) == ["one, two", "three"]
    assert read_training_data(path, TEXT).rows["text"][:] == ["one, two", "three"]


def test_the_embedded_files_of_every_format_are_read():
    assert len(list(read_texts(FORMATS / "sentences.txt.gz"))) == 50
    assert len(list(read_texts(FORMATS / "sentences.parquet"))) == 50
    pairs = read_training_data(FORMATS / "pairs.jsonl", TRIPLET).rows
    assert pairs.column_names == ["anchor", "positive"]
    triplets = read_training_data(FORMATS / "triplets_simcse.csv", TRIPLET).rows
    assert triplets.column_names == ["anchor", "positive", "negative"]
    assert len(read_sts(FORMATS / "graded.csv").scores) == 50
    assert read_sts(FORMATS / "graded.tsv").scores == read_sts(FORMATS / "graded.csv").scores


def test_bundled_data_is_as_large_and_varied_as_promised():
    sentences = list(read_texts(bundled("sentences.txt")))
    assert len(set(sentences)) == len(sentences) >= 2000
    assert len(set(read_sts(bundled("graded.tsv")).scores)) > 20
    assert len(read_sts(bundled("graded.tsv")).scores) >= 200


def test_rows_end_at_line_feeds_only(tmp_path):
    path = write(tmp_path / "a.txt", "\ufeffone\u2028still one\r\ntwo\x0cstill two\nlone\rcr")
    assert list(read_texts(path)) == ["one\u2028still one", "two\x0cstill two", "lone\rcr"]


def test_tsv_has_no_quoting(tmp_path):
    path = write(tmp_path / "a.tsv", 'sentence1\tsentence2\tscore\n"a\tb"\t1\nc\t"\t2\n')
    assert read_sts(path).sentences1 == ('"a', "c")


def test_blank_rows_are_left_out_of_training_and_counted(tmp_path):
    data = read_training_data(write(tmp_path / "a.txt", "one\n\n  \ntwo\n"), TEXT)
    assert (data.rows["text"][:], data.empty_rows) == (["one", "two"], 2)
    lines = '{"text": "one"}\n\n{"text": ""}\n{"text": "two"}\n'
    data = read_training_data(write(tmp_path / "a.jsonl", lines), TEXT)
    assert (data.rows["text"][:], data.empty_rows) == (["one", "two"], 2)


def test_blank_lines_between_graded_pairs_are_told(tmp_path, caplog):
    caplog.set_level("INFO")
    path = write(tmp_path / "a.tsv", "sentence1\tsentence2\tscore\na\tb\t1\n\nc\td\t2\n")
    assert len(read_sts(path).scores) == 2
    assert f"{path}: 1 blank lines, which are not rows" in caplog.text


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv"])
def test_blank_rows_stay_for_encoding(tmp_path, name):
    header = "" if name == "a.txt" else "text\n"
    path = write(tmp_path / name, f"{header}one\n\ntwo\n")
    assert list(read_texts(path)) == ["one", "", "two"]


def test_a_blank_line_of_a_wide_table_is_no_row(tmp_path):
    assert list(read_texts(write(tmp_path / "a.csv", "text,n\none,1\n\ntwo,2\n"))) == ["one", "two"]


def test_columns_are_taken_in_the_order_of_the_layout(tmp_path):
    path = write(tmp_path / "a.csv", "answer,question\nyes,really?\n")
    rows = read_training_data(path, TRIPLET, ["question", "answer"]).rows
    assert rows[0] == {"anchor": "really?", "positive": "yes"}


WRONG = {
    "no such file": ("missing.txt", None, TEXT, None, "No file '.*missing.txt'"),
    "empty": ("a.txt", "", TEXT, None, "holds no row"),
    "blank": ("a.txt", "\n \n", TEXT, None, "holds no row with text"),
    "header only": ("a.csv", "text\n", TEXT, None, "holds no row"),
    "unknown format": ("a.xlsx", "x", TEXT, None, r"unknown format '\.xlsx'; allowed: \.txt"),
    "no format": ("data", "x", TEXT, None, "unknown format 'none'"),
    "wrong column": ("a.csv", "txet\nx\n", TEXT, None, r"has the columns txet.*mean 'txet'\?"),
    "named wrong": ("a.csv", "text\nx\n", TEXT, ["tetx"], r"no column 'tetx'.*mean 'text'\?"),
    "too many": ("a.csv", "a,b\nx,y\n", TEXT, ["a", "b"], "needed are text"),
    "short row": ("a.csv", "a,text\nx\n", TEXT, None, "row 2: 1 fields where the header has 2"),
    "long row": ("a.tsv", "text\nx\ty\n", TEXT, None, "row 2: 2 fields where the header has 1"),
    "open quote": ("a.csv", 'text\n"x\n', TEXT, None, "row .*unexpected end"),
    "not json": ("a.jsonl", '{"text": "x"}\n{"te\n', TEXT, None, "row 2: not JSON"),
    "long number": ("a.jsonl", '{"n": ' + "1" * 5000 + "}\n", TEXT, None, "row 1: not JSON"),
    "deep json": ("a.jsonl", "[" * 100_000 + "\n", TEXT, None, "row 1: not JSON"),
    "json list": ("a.jsonl", "[1]\n", TEXT, None, "row 1: a JSON object is needed"),
    "a number": ("a.jsonl", '{"text": 3}\n', TEXT, None, "row 1: column 'text' holds 3"),
    "no negative": (
        "a.csv",
        "anchor,positive,negative\na,b,c\nd,e,\n",
        TRIPLET,
        None,
        "row 3 has no negative.*`columns=.'anchor', 'positive'",
    ),
    "no positive": ("a.csv", "anchor,positive\na,\n", TRIPLET, None, "row 2 has no positive"),
    "late column": (
        "a.jsonl",
        '{"anchor": "a", "positive": "b"}\n{"anchor": "a", "positive": "b", "negative": "c"}\n',
        TRIPLET,
        None,
        "row 2 has a negative, but row 1 has none",
    ),
    "surrogate": ("a.jsonl", '{"text": "\\ud800"}\n', TEXT, None, "row 1: .* not a valid text"),
    "not utf-8": ("a.txt", b"fine\n\xff\xfe\n", TEXT, None, "row 2: not UTF-8"),
    "not parquet": ("a.parquet", "x", TEXT, None, "not a parquet file"),
    "not gzip": ("a.txt.gz", None, TEXT, None, "damaged gzip"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_are_one_line_with_the_row(tmp_path, case):
    name, content, layouts, columns, message = WRONG[case]
    path = tmp_path / name
    if case == "not gzip":
        path.write_bytes(gzip.compress(b"x\n" * 10_000)[:40])
    elif content is not None:
        write(path, content)
    with pytest.raises(InputError, match=message) as caught:
        read_training_data(path, layouts, columns)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_training_data(tmp_path / "a.txt", TEXT)


def test_a_hub_data_set_cannot_be_had_offline():
    with pytest.raises(InputError, match="No file 'some/name', and the hub gives no data set"):
        read_training_data("some/name", TEXT)


STS_WRONG = {
    "constant": ("5\n5\n", "all 2 scores are 5, so no ranking"),
    "text": ("5\nhigh\n", "row 3: score 'high' is not a finite number"),
    "nan": ("nan\n5\n", "row 2: score 'nan' is not a finite number"),
    "one pair": ("5\n", "1 graded pair; at least 2 are needed"),
}


@pytest.mark.parametrize("case", STS_WRONG)
def test_bad_gold_scores(tmp_path, case):
    scores, message = STS_WRONG[case]
    rows = "".join(f"a{i}\tb{i}\t{score}\n" for i, score in enumerate(scores.split()))
    path = write(tmp_path / "gold.tsv", "sentence1\tsentence2\tscore\n" + rows)
    with pytest.raises(InputError, match=message):
        read_sts(path)


@pytest.mark.parametrize("sentence", ["null", '""', "3"])
def test_a_pair_needs_both_sentences(tmp_path, sentence):
    rows = f'{{"sentence1": "a", "sentence2": {sentence}, "score": 1}}\n'
    path = write(tmp_path / "a.jsonl", '{"sentence1": "a", "sentence2": "b", "score": 2}\n' + rows)
    with pytest.raises(InputError, match=r"row 2( has no sentence2|: column 'sentence2' holds 3)"):
        read_sts(path)


@pytest.mark.parametrize("score", ["true", "NaN", "1" + "0" * 400, "[1]"])
def test_a_score_is_a_finite_number(tmp_path, score):
    rows = '{"sentence1": "a", "sentence2": "b", "score": %s}\n'
    path = write(tmp_path / "a.jsonl", rows % 2 + rows % score)
    with pytest.raises(InputError, match=r"row 2: score .* is not a finite number"):
        read_sts(path)
    with pytest.raises(InputError, match=r"row 2: score .* is not a finite number"):
        read_training_data(path, [("sentence1", "sentence2", "score")])


def test_inputs_are_read_row_by_row_and_told_where_a_column_comes_late(tmp_path):
    path = write(tmp_path / "a.csv", "premise,hypothesis\na,b\n,c\n")
    rows = read_inputs(path, [("sentence1", "sentence2"), ("text",)])
    assert rows[:] == {"sentence1": ["a", ""], "sentence2": ["b", "c"]}
    path = write(tmp_path / "a.jsonl", '{"text": "a"}\n{"sentence1": "a", "sentence2": "b"}\n')
    with pytest.raises(InputError, match="row 2 has a sentence1, but row 1 has none"):
        read_inputs(path, [("sentence1", "sentence2"), ("text",)])


def test_a_row_without_a_score_column_is_ungraded(tmp_path):
    graded = '{"sentence1": "a", "sentence2": "b", "score": %d}\n'
    path = write(
        tmp_path / "a.jsonl", graded % 1 + graded % 2 + '{"sentence1":"a","sentence2":"b"}\n'
    )
    assert read_sts(path).ungraded == 1


def test_graded_pairs_of_the_hub_need_a_split():
    with pytest.raises(InputError, match="name the split: some/name:test"):
        read_sts("some/name")


def test_an_ungraded_row_is_left_out_and_counted(tmp_path):
    path = write(tmp_path / "a.tsv", "sentence1\tsentence2\tscore\na\tb\t1\nc\td\t\ne\tf\t2\n")
    task = read_sts(path)
    assert (task.scores, task.ungraded) == ((1.0, 2.0), 1)


def test_sts_columns_name_the_nearest(tmp_path):
    path = write(tmp_path / "a.jsonl", json.dumps({"sentence1": "a", "sentence_2": "b"}) + "\n")
    with pytest.raises(InputError, match=r"no column 'sentence2'.*Did you mean 'sentence_2'\?"):
        read_sts(path)


HOSTILE = (
    b"\xef\xbb\xbfone\r\n"  # a byte-order mark and CR LF
    b"\n"  # no text
    b"two\x00nul\n"
    b"\xff\xfe bad \xc3\n"  # no UTF-8
    b"line\xe2\x80\xa8separator \xc2\x85 next line \x0b\x0c lone\rCR\n"
    b"  \t \n"
    b"one\n"  # as row 1
    b"last, without an end"
)


def test_rows_are_counted_by_line_feeds_whatever_they_hold(tmp_path):
    faults = Faults("replace")
    texts = list(read_texts(write(tmp_path / "a.txt", HOSTILE), faults=faults))
    assert len(texts) == HOSTILE.count(b"\n") + 1
    assert texts[0] == texts[6] == "one"
    assert texts[2] == "two\0nul"
    assert texts[3] == "\ufffd\ufffd bad \ufffd"
    assert texts[4] == "line\u2028separator \x85 next line \x0b\x0c lone\rCR"
    assert faults.bom
    assert (faults.invalid, faults.nul, faults.crlf) == (
        Found(1, [4]),
        Found(1, [3]),
        Found(1, [1]),
    )


def test_a_faulty_row_is_an_error_or_left_out(tmp_path):
    path = write(tmp_path / "a.txt", HOSTILE)
    with pytest.raises(InputError, match="row 4: not UTF-8"):
        list(read_texts(path, faults=Faults("strict")))
    faults = Faults("skip")
    assert len(list(read_texts(path, faults=faults))) == 7
    assert faults.invalid.rows == 1


def test_half_a_surrogate_pair(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "fine"}\n{"text": "a\\ud800b"}\n')
    faults = Faults("replace")
    assert list(read_texts(path, faults=faults)) == ["fine", "a\ufffdb"]
    assert faults.invalid == Found(1, [2])
    assert list(read_texts(path, faults=Faults("skip"))) == ["fine"]


def test_another_word_for_errors():
    with pytest.raises(UsageError, match="one of strict, replace, skip; got 'ignore'"):
        Faults("ignore")


def test_five_rows_of_a_kind_are_named(tmp_path):
    faults = Faults("replace")
    list(read_texts(write(tmp_path / "a.txt", b"\xff\n" * 9), faults=faults))
    assert faults.invalid == Found(9, [1, 2, 3, 4, 5])


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\nnext\n"])
@pytest.mark.parametrize("length", [2**20 - 1, 2**20, 2**20 + 1, 2**20 + 2, 2**20 + 3, 2**22])
def test_a_long_line_of_text_is_cut_at_a_mebibyte(tmp_path, length, end):
    faults = Faults()
    texts = list(read_texts(write(tmp_path / "a.txt", b"x" * length + end), faults=faults))
    assert [len(text) for text in texts] == [min(length, 2**20), *([4] if b"next" in end else [])]
    assert faults.long.rows == int(length > 2**20)


@pytest.mark.parametrize("character", ["é", "文", "😀"])
@pytest.mark.parametrize("before", range(4))
def test_a_cut_is_between_characters(tmp_path, character, before):
    path = write(tmp_path / "a.txt", "x" * before + character * 2**20)
    (text,) = read_texts(path)
    assert set(text[before:]) == {character}
    assert 2**20 - 4 < len(text.encode()) <= 2**20


def test_a_line_of_a_table_may_be_longer_but_not_endless(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST_LINE", 100)
    monkeypatch.setattr(lines.lines_of, "__defaults__", (100,))
    path = write(tmp_path / "a.jsonl", json.dumps({"text": "x" * 200}) + "\n")
    with pytest.raises(InputError, match="row 1: longer than 100 bytes"):
        list(read_texts(path))


@pytest.mark.wide
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=5)))
def test_what_is_written_line_by_line_is_read_row_by_row(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "a.txt"
    path.write_bytes("".join(f"{row}\n" for row in rows).encode())
    expected = [row.removesuffix("\r") for row in rows]
    if expected:
        expected[0] = expected[0].removeprefix("\ufeff")
    found = list(read_texts(path)) if rows else []
    assert found == expected


@pytest.mark.sampled
@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_a_compressed_file_cut_off_is_named(tmp_path, suffix):
    text = "".join(f"line {number}\n" for number in range(100_000)).encode()
    path = write(tmp_path / f"a.txt.{suffix}", text)
    assert len(list(read_texts(path))) == 100_000
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=f"damaged {'gzip' if suffix == 'gz' else 'zstd'} file"):
        list(read_texts(path))
    path.write_bytes(b"neither")
    with pytest.raises(InputError, match=f"damaged {'gzip' if suffix == 'gz' else 'zstd'} file"):
        list(read_texts(path))


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("length", [2**20 - 1, 2**20, 2**20 + 1, 2**20 + 5])
def test_a_long_line_after_a_byte_order_mark_is_one_row(tmp_path, length, end):
    faults = Faults()
    content = b"\xef\xbb\xbf" + b"x" * length + end + b"next\n"
    texts = list(read_texts(write(tmp_path / "a.txt", content), faults=faults))
    assert [len(text) for text in texts] == [min(length, 2**20), 4]
    assert faults.long.rows == int(length > 2**20)
