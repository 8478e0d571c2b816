"""Hostile files with a known number of every problem."""

import gzip
import json
import re

import datasets
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sentemb
from sentemb.bundled import bundled
from sentemb.checks import Limits, check_file, leakage
from sentemb.checks.hashes import Seen, normalised
from sentemb.datasets.in_memory import InMemory
from sentemb.errors import InputError, SentembError

LIMITS = Limits(count=lambda texts: [len(text.split()) for text in texts], max_length=4)


@pytest.fixture
def check(tmp_path):
    def write_and_check(name, content, limits=LIMITS, named=None):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return check_file(file, limits, named)

    return write_and_check


def found(checked):
    return {p.name: (p.severity, p.rows, p.first) for p in checked.problems}


def test_a_hostile_text_file(check):
    lines = [
        b"\xef\xbb\xbfone",  # 1 BOM
        b"two words\r",  # 2 CR LF
        b"",  # 3 blank
        b"   ",  # 4 blank
        b"bad \xff byte",  # 5
        b"cut \xe2\x82",  # 6
        b"a\0b",  # 7 NUL
        b"One",  # 8 as 1 but for case
        b" two  WORDS ",  # 9 as 2 but for case and spaces
        b"two words",  # 10 as 2
        b"five words are too many",  # 11
        b"x" * (2**20 + 3),  # 12 cut
        b"one",  # 13 as 1
    ]
    checked = check("hostile.txt", b"\n".join(lines))
    assert found(checked) == {
        "blank": ("note", 2, (3, 4)),
        "bom": ("note", 0, ()),
        "crlf": ("note", 1, (2,)),
        "cut_lines": ("note", 1, (12,)),
        "duplicates": ("note", 2, (10, 13)),
        "invalid_utf8": ("error", 2, (5, 6)),
        "near_duplicates": ("note", 2, (8, 9)),
        "nul": ("note", 1, (7,)),
        "over_long": ("note", 1, (11,)),
        "small": ("note", 0, ()),
    }
    assert (checked.rows, checked.distinct_texts, checked.longest) == (13, 7, 5)
    assert (checked.format, checked.columns, checked.texts) == (".txt", ("text",), ("text",))


def test_hostile_triplets(check):
    rows = [
        {"anchor": "a", "positive": "b", "negative": "c", "label": "x"},  # 1
        {"anchor": "d", "positive": "D ", "negative": "e", "label": "x"},  # 2 equal sides
        {"anchor": "f", "positive": "g", "negative": "f", "label": 3},  # 3 negative is anchor
        {"anchor": "h", "positive": "i", "negative": "I", "label": "x"},  # 4 negative is positive
        {"anchor": "j", "positive": "", "negative": "k", "label": "x"},  # 5 blank
        {"anchor": "l", "positive": None, "negative": "m", "label": "x"},  # 6 blank
        {"anchor": "n", "negative": "o", "label": "x"},  # 7 blank
        {"anchor": 5, "positive": "p", "negative": "q", "label": "x"},  # 8 no text, blank
        {"anchor": "\ud800", "positive": "r", "negative": "s", "label": "x"},  # 9 half a pair
        {"anchor": "a", "positive": "b", "negative": "c", "label": "y"},  # 10 other label
        {"anchor": "t", "positive": "u", "negative": "v", "label": None},  # 11
        {"anchor": "w", "positive": "x", "negative": "y", "label": "-"},  # 12
        {"anchor": "z", "positive": "zz", "negative": "zy", "label": 1.5},  # 13
    ]
    checked = check("hostile.jsonl", "\n".join(map(json.dumps, rows)))
    assert found(checked) == {
        "blank": ("error", 4, (5, 6, 7, 8)),
        "contradictions": ("note", 1, (10,)),
        "duplicates": ("note", 1, (10,)),
        "equal_sides": ("note", 1, (2,)),
        "invalid_utf8": ("error", 1, (9,)),
        "label_type": ("error", 1, (13,)),
        "negative_is_positive": ("error", 2, (3, 4)),
        "no_label": ("note", 2, (11, 12)),
        "not_text": ("error", 1, (8,)),
        "small": ("note", 0, ()),
    }
    assert checked.classes == {"x": 8, "3": 1, "y": 1}


def test_hostile_scores(check):
    values = ["nan", "inf", "high", "", "-1", "6", "2.5", "2.5"]
    lines = [f"a{i}\tb{i}\t{value}" for i, value in enumerate(values)]
    checked = check("hostile.tsv", "\n".join(["sentence1\tsentence2\tscore", *lines]))
    assert found(checked) == {
        "no_score": ("note", 1, (5,)),
        "not_finite": ("error", 3, (2, 3, 4)),
        "out_of_scale": ("note", 2, (6, 7)),
        "small": ("note", 0, ()),
    }


SCORED = "sentence1,sentence2,score\n"
LABELLED = "text,label\n"


@pytest.mark.parametrize(
    ("name", "content", "problem", "severity", "words"),
    [
        ("a.csv", SCORED + "a,b,3\nc,d,3.0\n", "one_score", "error", "all scores are 3"),
        ("a.csv", SCORED + "1,b,3\n2,d,4\n", "no_words", "error", "column sentence1 holds no word"),
        ("a.csv", LABELLED + "a,x\nb,x\n", "one_class", "error", "all labels are 'x'"),
        (
            "a.csv",
            LABELLED + "".join(f"t{i},{i}\n" for i in range(30)),
            "many_classes",
            "error",
            "30 labels in 30 rows",
        ),
        (
            "a.csv",
            LABELLED + "".join(f"t{i},{'rare' if i == 9 else 'x'}\n" for i in range(30)),
            "uneven_classes",
            "note",
            "uneven: 29 rows of 'x', 1 of 'rare'",
        ),
        ("a.txt", "a\nA\n a\n", "one_text", "error", "all texts are the same"),
        ("a.txt", "", "no_rows", "error", "no row"),
        ("a.csv", LABELLED, "no_rows", "error", "no row"),
        ("a.csv", "review,stars\ngood,5\nbad,1\n", "unknown_columns", "error", "`columns`"),
    ],
)
def test_what_is_wrong_with_a_whole_file(check, name, content, problem, severity, words):
    (one,) = [each for each in check(name, content).problems if each.name == problem]
    assert (one.severity, one.rows, one.first) == (severity, 0, ())
    assert words in one.message


def test_columns_by_other_names(check):
    checked = check("a.csv", "review,stars\ngood,5\nbad,1\n", named=["review"])
    assert checked.texts == ("review",)
    assert found(checked).keys() == {"small"}
    with pytest.raises(InputError, match=r"no column 'reveiw'.*Did you mean 'review'\?"):
        check("a.csv", "review,stars\ngood,5\n", named=["reveiw"])


PAIRS = {"anchor": ["a b", "c d"], "positive": ["e", "f"]}


@pytest.mark.parametrize(
    ("rows", "texts", "kind"),
    [
        (InMemory(["a b", "c d"]), ("text",), "<list>"),  # a bare list of texts names files
        (PAIRS, ("anchor", "positive"), "<dict>"),
        (pandas.DataFrame(PAIRS), ("anchor", "positive"), "<DataFrame>"),
        (datasets.Dataset.from_dict(PAIRS), ("anchor", "positive"), "<Dataset>"),
        ([("a b", "e", 1.0), ("c d", "f", 2.0)], ("sentence1", "sentence2"), "<list>"),
        ([{"text": "a b"}, {"text": "c d"}], ("text",), "<list>"),
    ],
)
def test_rows_in_memory_are_checked_as_a_file_is(rows, texts, kind):
    report = sentemb.check(rows)
    (file,) = report["files"]
    assert (file["texts"], file["rows"], file["format"], report["errors"]) == (texts, 2, kind, 0)


def test_several_tables_are_several_files():
    frame = pandas.DataFrame(PAIRS)
    report = sentemb.check([frame, frame], columns="anchor")
    first, second = report["files"]
    assert (first["file"], second["file"], second["texts"]) == ("files[0]", "files[1]", ("anchor",))
    assert [problem["name"] for problem in second["problems"]] == ["leaked_rows"]


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ([], {}, "There is nothing to check: give a file, or rows."),
        ((), {"test": [bundled("sentences.txt")]}, "There is nothing to check"),
        (bundled("sentences.txt"), {"batch_size": 0}, "batch_size must be at least 1, got 0"),
        (bundled("sentences.txt"), {"max_length": "x"}, "max_length must be a whole number"),
        (bundled("sentences.txt"), {"columns": " "}, "columns takes names"),
        (bundled("sentences.txt"), {"columns": 3}, "columns must be a name, or a list of names"),
        (3, {}, "files must be a path, the name of a data set, or rows"),
        ({"text": "a"}, {}, "files: column 'text' is 'a'; a list"),
    ],
)
def test_what_cannot_be_checked_is_refused(files, options, message):
    with pytest.raises(SentembError, match=re.escape(message)):
        sentemb.check(files, **options)


def test_columns_that_come_late(check):
    late = check("a.jsonl", '{"id": 1}\n{"text": "a"}\n{"text": "b", "id": 2}\n')
    assert found(late) == {"late_columns": ("error", 2, (2, 3)), "small": ("note", 0, ())}
    pairs = '{"anchor": "a", "positive": "b"}\n{"anchor": "c", "positive": "", "label": 1}\n'
    assert found(check("b.jsonl", pairs)).items() >= {
        ("blank", ("error", 1, (2,))),
        ("late_columns", ("error", 1, (2,))),
    }
    others = '{"text": "a"}\n{"text": "b", "source": "c"}\n'
    assert found(check("c.jsonl", others)).keys() == {"small"}


def test_a_row_with_two_faults_is_one_row_and_a_blank_line_none(check):
    checked = check("a.jsonl", b'{"text": "\xff \\ud800"}\n\n')
    assert found(checked) == {
        "blank_lines": ("note", 1, (2,)),
        "invalid_utf8": ("error", 1, (1,)),
        "small": ("note", 0, ()),
    }
    assert checked.rows == 1


def test_a_batch_that_was_given_must_be_filled(check):
    few = Limits(LIMITS.count, 4, batch_size=3)
    assert found(check("a.txt", "a\nb\n", few)) == {"small": ("error", 0, ())}
    assert found(check("a.txt", "a\nb\nc\n", few)) == {}


def test_good_files_have_no_problem():
    limits = Limits(LIMITS.count, max_length=128)
    for name in ("sentences.txt", "triplets.csv", "graded.tsv", "nli.tsv", "topics.tsv"):
        assert found(check_file(bundled(name), limits)) == {}
    for name in ("sentences.parquet", "sentences.txt.gz", "pairs.jsonl"):
        checked = check_file(bundled(f"formats/{name}"), limits)
        assert "error" not in {severity for severity, *_ in found(checked).values()}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "a,b\n1\n", "row 2: 1 fields where the header has 2"),
        ("a.jsonl", "{}\nno\n", "row 2: not JSON"),
        ("a.doc", "x", "unknown format '.doc'"),
        ("a.csv", "text,text\na,b\n", "two columns called 'text'"),
        ("a.txt.gz", gzip.compress(b"a\n" * 999, mtime=0)[:-9], "damaged gzip file"),
        ("a.parquet", "x", "not a parquet file"),
    ],
)
def test_what_cannot_be_read(check, name, content, words):
    with pytest.raises(InputError, match=words):
        check(name, content)


def test_leakage(check):
    trained = check("train.csv", "anchor,positive\nA man,a woman\nA cat,a dog\n")
    pairs = "sentence1,sentence2,score\na  MAN,a woman,3\na cat,new,4\nnew,newer,1\n,,2\n"
    held = check("dev.csv", pairs)
    texts = [(p.name, p.severity, p.rows, p.first) for p in leakage(trained, held)]
    assert texts == [("leaked_rows", "error", 1, (2,)), ("leaked_texts", "note", 1, (3,))]
    assert [p.severity for p in leakage(trained, held, test=True)] == ["error", "error"]
    alone = check("all.txt", "a man\na woman\nnew\n")
    assert [(p.name, p.first) for p in leakage(alone, held)] == [
        ("leaked_rows", (2,)),
        ("leaked_texts", (3, 4)),
    ]
    assert leakage(trained, check("other.txt", "x\n\n")) == []
    assert leakage(check("none.txt", ""), held) == []


@given(st.lists(st.sampled_from(["a", "A", " a", "b", "B ", "", " "]), max_size=30))
def test_duplicates_are_those_of_a_dictionary(texts):
    seen = Seen(1)
    exact, alike, before, before_alike = [], [], set(), set()
    for number, text in enumerate(texts):
        seen.add(number, [text], "")
        if text in before and text.strip():
            exact.append(number)
        elif normalised(text) in before_alike and text.strip():
            alike.append(number)
        before.add(text)
        before_alike.add(normalised(text))
    found = seen.duplicates()
    assert [one.rows for one in found] == [len(exact), len(alike)]
    assert [one.first for one in found] == [exact[:5], alike[:5]]
