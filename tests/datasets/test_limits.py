"""Texts, lines and files that are too long: bounded, cut between characters, and counted."""

import csv
import io
import json
import tracemalloc

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentemb.checks import Limits, check_file
from sentemb.datasets import fields, json_rows, progress, read_texts, read_training_data
from sentemb.datasets.faults import Faults, Found
from sentemb.datasets.fields import quoted_rows
from sentemb.datasets.limits import LONGEST_TEXT, cut
from sentemb.datasets.lines import Line
from sentemb.errors import InputError

LIMITS = Limits(count=lambda texts: [len(text.split()) for text in texts], max_length=4)


def written(folder, name, texts):
    """Write texts in the format that a name says."""
    path = folder / name
    columns = {"text": texts, "n": list(range(len(texts)))}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    elif path.suffix == ".arrow":
        with pa.ipc.new_stream(path, pa.table(columns).schema) as sink:
            sink.write_table(pa.table(columns))
    elif path.suffix == ".feather":
        with pa.ipc.new_file(path, pa.table(columns).schema) as sink:
            sink.write_table(pa.table(columns))
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    elif path.suffix == ".txt":
        path.write_text("".join(f"{text}\n" for text in texts))
    else:
        with path.open("w", newline="") as file:
            writer = csv.writer(
                file,
                delimiter="\t" if path.suffix == ".tsv" else ",",
                quoting=csv.QUOTE_MINIMAL,
                lineterminator="\n",
            )
            writer.writerows([list(columns), *([row["text"], row["n"]] for row in rows)])
    return path


FORMATS = ["txt", "csv", "tsv", "json", "jsonl", "parquet", "arrow", "feather"]


@pytest.mark.sampled
@pytest.mark.parametrize("character", ["x", "é", "文", "😀", ", "])
@pytest.mark.parametrize("ending", FORMATS)
def test_a_text_of_every_format_is_cut_at_one_limit(tmp_path, ending, character):
    long = "a" + character * (LONGEST_TEXT // len(character.encode()) + 3)
    path = written(tmp_path, f"a.{ending}", ["short", long, "last"])
    faults = Faults()
    texts = list(read_texts(path, faults=faults))
    assert texts == ["short", cut(long), "last"]
    assert LONGEST_TEXT - 4 < len(texts[1].encode()) <= LONGEST_TEXT
    row = 3 if ending in ("csv", "tsv") else 2
    assert faults.long == Found(1, [row])
    problem = next(p for p in check_file(path, LIMITS).problems if p.name == "cut_lines")
    assert (problem.severity, problem.first) == ("note", (row,))


@pytest.mark.parametrize("ending", FORMATS)
def test_a_text_at_the_limit_is_whole_and_cutting_is_said_in_training(tmp_path, caplog, ending):
    caplog.set_level("INFO")
    path = written(tmp_path, f"a.{ending}", ["x" * LONGEST_TEXT, "b"])
    assert len(read_training_data(path, [("text",)]).rows["text"][0]) == LONGEST_TEXT
    assert caplog.messages == []
    path = written(tmp_path, f"b.{ending}", ["x" * (LONGEST_TEXT + 1), "b"])
    read_training_data(path, [("text",)])
    assert "rows with a text longer than 1 MiB, which was cut there: 1 (" in caplog.text


@pytest.mark.sampled
@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "arrow"])
def test_memory_does_not_follow_one_huge_text(tmp_path, ending):
    size = 24 * LONGEST_TEXT
    path = written(tmp_path, f"a.{ending}", ["x, " * (size // 3)])
    tracemalloc.start()
    list(read_texts(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * size


@pytest.mark.long
def test_memory_does_not_follow_texts_that_repeat(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x" * 2**21] * 300}), path, compression="zstd")
    assert path.stat().st_size < 2**20
    pool = pa.default_memory_pool()
    before, most = pool.bytes_allocated(), 0
    for text in read_texts(path):
        assert len(text) == LONGEST_TEXT
        most = max(most, pool.bytes_allocated() - before)
    assert most < 2**25


QUOTES = st.lists(st.lists(st.text('a ",;\n', max_size=6), min_size=1, max_size=4), max_size=6)


@given(QUOTES, st.sampled_from([",", ";", "\t"]))
def test_rows_are_those_of_the_standard_parser(tmp_path_factory, rows, delimiter):
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)
    assert parsed(file.getvalue(), delimiter) == standard(file.getvalue(), delimiter)


@given(st.text('a",\n', max_size=30))
@settings(max_examples=500)
def test_what_is_refused_is_what_the_standard_parser_refuses(text):
    assert parsed(text, ",") == standard(text, ",")


def parsed(text, delimiter):
    lines = [Line(n, line, "", crlf=False) for n, line in enumerate(text.split("\n"), start=1)]
    lines = lines[:-1] if text.endswith("\n") or not text else lines
    try:
        return [row for _, row in quoted_rows(lines, delimiter, "a.csv")]
    except InputError:
        return "refused"


def standard(text, delimiter):
    try:
        return list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error:
        return "refused"


@given(st.text('a"\n', max_size=40))
def test_a_shortened_field_begins_as_the_whole_one(monkeypatch_module, text):
    quoted = '"' + text.replace('"', '""') + '"'
    (row,) = parsed(quoted + "\n", ",")
    assert row[0][:4] == text[:4]


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "KEPT", 2 * 4 + 2)
        yield


@given(st.lists(st.text('ab"\\\n\u00e9文😀', max_size=60), min_size=1, max_size=4), st.booleans())
def test_shortened_json_begins_as_the_whole_one(texts, escaped):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "KEPT", 6 * 4 + 12)
        row = {f"k{n}": text for n, text in enumerate(texts)}
        short = json.loads(json_rows._shortened(json.dumps(row, ensure_ascii=escaped)))
    assert short.keys() == row.keys()
    for name, text in row.items():
        assert text[:2] == short[name][:2] if len(text) > 2 else text == short[name]
        assert len(json.dumps(short[name], ensure_ascii=escaped)) <= 40


def test_an_open_quote_names_the_row_where_it_opens_and_is_not_followed_for_long(
    tmp_path, monkeypatch
):
    path = tmp_path / "a.csv"
    path.write_text('text,n\n"two\nlines",1\n"open,2\n' + "a,3\n" * 100)
    with pytest.raises(InputError, match=r"row 3: a quote opens here and never closes"):
        list(read_texts(path))
    monkeypatch.setattr(fields, "LONGEST_LINE", 50)
    with pytest.raises(InputError, match=r"row 3: a quote opens here and does not close within"):
        list(read_texts(path))


def test_a_quote_in_the_middle_names_its_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,n\na,1\n"he said "hello", and left",2\n')
    with pytest.raises(InputError, match=r"row 3: 'hello.*' follows on a quoted field"):
        list(read_texts(path))


@pytest.mark.parametrize("ending", ["txt", "csv", "jsonl"])
def test_reading_says_how_far_it_is(tmp_path, monkeypatch, caplog, ending):
    caplog.set_level("INFO")
    monkeypatch.setattr(progress, "LINES", 10)
    clock = iter(range(0, 10**6, 4))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    path = tmp_path / f"a.{ending}"
    path.write_text(
        {"txt": "", "csv": "text,n\na,1\n", "jsonl": '{"text": "a"}\n'}[ending] + "\n" * 95
    )
    found = [message for message in caplog.messages if message.endswith(" lines read.")]
    assert found == []
    list(read_texts(path))
    found = [message for message in caplog.messages if message.endswith(" lines read.")]
    assert found == [f"{path}: {n} lines read." for n in (30, 60, 90)]


def test_reading_that_something_slower_waits_for_is_not_reported(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(progress, "LINES", 10)
    clock = iter(range(0, 10**6, 12))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    (tmp_path / "a.txt").write_text("\n" * 95)
    list(read_texts(tmp_path / "a.txt"))
    assert caplog.messages == []
