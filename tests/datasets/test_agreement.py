"""``check`` reports an error exactly where a reader refuses, and notes what it leaves out."""

import json

import pytest

from sentemb.checks import Limits, check_file
from sentemb.datasets import read_inputs, read_sts, read_texts, read_training_data
from sentemb.datasets.faults import Faults
from sentemb.datasets.labelled import read_clustering, read_pair_classification, read_transfer
from sentemb.errors import InputError

LIMITS = Limits(count=lambda texts: [len(text.split()) for text in texts], max_length=1000)
NOTED = {"blank", "no_label", "no_score", "listed", "no_negatives"}
"""Problems of rows that are left out, or of which a part is not read."""
TRIPLET = [("anchor", "positive", "negative"), ("anchor", "positive")]
LABELLED = [("sentence1", "sentence2", "label"), ("text", "label")]


def transfer(path):
    """Read labelled texts; that a label has too few rows for folds is not a fault of a row."""
    try:
        read_transfer(path)
    except InputError as error:
        if "folds need at least" not in str(error):
            raise


COMMANDS = {
    "text": [lambda path: read_training_data(path, [("text",)])],
    "text, label": [
        lambda path: read_training_data(path, LABELLED),  # train, finetune, analyze
        transfer,
        read_clustering,
    ],
    "sentence1, sentence2, label": [
        lambda path: read_training_data(path, LABELLED),
        transfer,
    ],
    "sentence1, sentence2, score": [
        lambda path: read_training_data(path, [("sentence1", "sentence2", "score")]),
        read_sts,
    ],
    "anchor, positive, negative": [lambda path: read_training_data(path, TRIPLET)],
}
LENIENT = {
    "text": [lambda path: list(read_texts(path, faults=Faults("strict")))],
    "text, label": [lambda path: read_inputs(path, [("sentence1", "sentence2"), ("text",)])],
    "sentence1, sentence2, label": [lambda path: read_inputs(path, [("sentence1", "sentence2")])],
}
"""encode and predict: what they refuse is an error of check, which knows of more."""
TEXTS = ['""', '" \\t"', "null", "3", "1.5", "true", "[]", '["a"]', '["a", "b"]', "{}", '"\\ud800"',
         '"a\\u0000b"', "1e400", "NaN", '"\\ufeff"', '"nan"', '"-1"', "[1]", '[[""]]']  # fmt: skip
LABELS = ['""', '" "', "null", "-1", "-1.0", '"-1"', '"-1.0"', '"-"', "NaN", '"nan"', '"null"',
          '"none"', "0.0", '"1.0"', "1", "true", '"True"', "1.5", '"1.5"', "1e400", "-1e400", "[]",
          "[1]", "{}", '"\\ud800"', '"a\\u0000"', str(10**30)]  # fmt: skip
SCORES = ['""', '" "', "null", "NaN", '"nan"', "1e400", '"1e400"', "-1", '"-1"', '"3,5"', "true",
          "[]", "[1]", "{}", '"high"', '"inf"', "0", '" 2 "', "1" + "0" * 400, '"-"']  # fmt: skip


def good(columns, number):
    row = {name: f"{name} words {number}" for name in columns}
    if "label" in row:
        row["label"] = "ab"[number % 2]
    if "score" in row:
        row["score"] = number % 5
    return row


def cases():
    for kind in COMMANDS:
        columns = kind.split(", ") if "," in kind else ["text"]
        for column in columns:
            values = {"label": LABELS, "score": SCORES}.get(column, TEXTS)
            for value in values:
                yield kind, column, value


def refuses(read, path):
    try:
        read(path)
    except InputError:
        return True
    return False


@pytest.mark.sampled
@pytest.mark.parametrize(("kind", "column", "value"), list(cases()))
def test_check_and_the_readers_agree(tmp_path, caplog, kind, column, value):
    caplog.set_level("INFO")
    path = tmp_path / "a.jsonl"
    lines = [json.dumps(good(kind.split(", "), number)) for number in range(40)]
    bad = {**good(kind.split(", "), 40), column: "VALUE"}
    path.write_text("\n".join([*lines, json.dumps(bad).replace('"VALUE"', value)]) + "\n")
    problems = check_file(path, LIMITS).problems
    errors = [problem for problem in problems if problem.severity == "error"]
    for read in COMMANDS[kind]:
        caplog.clear()
        refused = refuses(read, path)
        assert refused == bool(errors), (errors, caplog.messages)
        if not refused:
            noted = any(p.name in NOTED and p.first == (41,) for p in problems)
            counted = "(41)" in caplog.text or (read is read_sts and read(path).ungraded == 1)
            assert noted == counted, (problems, caplog.messages)
    for read in LENIENT.get(kind, ()):
        assert not refuses(read, path) or errors


FILES = {
    "two columns of a name": ("a.csv", b"text,text\na,b\n"),
    "ragged": ("a.csv", b"text,n\na\n"),
    "open quote": ("a.csv", b'text,n\n"a,1\n'),
    "not JSON": ("a.jsonl", b'{"text": "a"}\n{"te\n'),
    "JSON list of texts": ("a.json", b'["a"]'),
    "member twice": ("a.jsonl", b'{"text": "a", "text": "b"}\n'),
    "not UTF-8": ("a.txt", b"a\n\xff\n"),
    "late column": ("a.jsonl", b'{"text": "a"}\n{"text": "b", "anchor": "c"}\n'),
    "no column": ("a.csv", b"review,stars\ngood,5\n"),
    "no row": ("a.txt", b""),
    "header only": ("a.csv", b"text\n"),
    "blank header": ("a.csv", b"\ntext\na\n"),
    "sheet": ("a.xlsx", b"PK\x03\x04"),
    "sheet called csv": ("a.csv", b"PK\x03\x04xx"),
    "damaged UTF-16": ("a.txt", b"\xff\xfea\0b"),
}


@pytest.mark.parametrize("case", FILES)
def test_check_and_the_readers_agree_on_files(tmp_path, case):
    name, content = FILES[case]
    (tmp_path / name).write_bytes(content)
    assert refuses(lambda path: read_training_data(path, [("text",)]), tmp_path / name)
    try:
        problems = check_file(tmp_path / name, LIMITS).problems
    except InputError:
        return
    assert "error" in {problem.severity for problem in problems}


@pytest.mark.parametrize("value", ["2", '"yes"', "[1]", "1.5", "-1", "null", "1.0", "true", '"0"'])
def test_pairs_that_belong_together_or_not(tmp_path, caplog, value):
    caplog.set_level("INFO")
    path = tmp_path / "a.jsonl"
    row = '{"premise": "a %d", "hypothesis": "b %d", "label": %s}\n'
    path.write_text("".join(row % (n, n, n % 2) for n in range(4)) + row % (4, 4, value))
    wrong = value in ("2", '"yes"', "[1]", "1.5")
    assert refuses(read_pair_classification, path) == wrong
    assert ("rows left out: 1 without a label (5)" in caplog.text) == (value in ("-1", "null"))
