"""Which column is read as what, in training, evaluation, prediction and checks alike."""

import json
import re

import pytest
from datasets import Dataset

from sentemb.checks import Limits, check_file
from sentemb.datasets import as_training_data, read_inputs, read_sts, read_training_data
from sentemb.datasets.labelled import read_clustering, read_pair_classification, read_transfer
from sentemb.datasets.labels import is_missing
from sentemb.errors import InputError

LIMITS = Limits(count=lambda texts: [len(text.split()) for text in texts], max_length=4)
TRIPLET = [("anchor", "positive", "negative"), ("anchor", "positive")]
TEXT = [("text",)]
LABELLED = [("sentence1", "sentence2", "label"), ("text", "label")]
PAIR_NAMES = [
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("text1", "text2"),
    ("sentence_A", "sentence_B"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("#1 String", "#2 String"),
    ("sent1", "sent2"),
    ("premise", "sentence2"),
    (" Sentence1 ", "SENTENCE2"),
]


@pytest.fixture
def table(tmp_path):
    def write(header, *rows, name="a.csv"):
        lines = [",".join(header), *(",".join(map(str, row)) for row in rows)]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return tmp_path / name

    return write


def problems(path, named=None):
    return {p.name: p for p in check_file(path, LIMITS, named).problems}


@pytest.mark.parametrize(
    "header",
    [
        ("anchor", "positive", "negative"),
        ("sent0", "sent1", "hard_neg"),
        ("anchor", "positive", "hard_neg"),
        ("query", "pos", "neg"),
        ("query", "answer", "negative"),
        ("question", "passage", "hard_negative"),
        ("Anchor", " positive ", "NEG"),
    ],
)
def test_every_role_finds_its_column_by_itself(table, caplog, header):
    caplog.set_level("INFO")
    path = table(header, ("a", "b", "c"), ("d", "e", "f"))
    rows = read_training_data(path, TRIPLET).rows
    assert rows[0] == {"anchor": "a", "positive": "b", "negative": "c"}
    assert "not read" not in caplog.text
    assert check_file(path, LIMITS).texts == header
    assert {"unread_columns", "unknown_columns"}.isdisjoint(problems(path))


def test_numbered_negatives_are_read_by_their_numbers(table, caplog):
    caplog.set_level("INFO")
    path = table(("anchor", "positive", "negative_10", "negative_2"), ("a", "b", "c", "d"),
                 ("e", "f", "g", ""), ("h", "i", "", "j"), ("k", "l", "", " "))  # fmt: skip
    data = read_training_data(path, TRIPLET)
    assert data.rows.column_names == ["anchor", "positive", "negative", "negative_2"]
    assert data.rows["negative"][:] == ["d", "g", "j", ""]
    assert data.rows["negative_2"][:] == ["c", "", "", ""]
    assert data.rows_without_negatives == 1
    assert caplog.messages == [f"{path}: rows without a hard negative: 1 (5)."]
    found = problems(path)
    assert (found["no_negatives"].severity, found["no_negatives"].first) == ("note", (5,))
    assert {"unread_columns", "blank", "no_words"}.isdisjoint(found)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_row_without_negatives_may_be_the_first(tmp_path, ending):
    rows = [{"anchor": "a", "positive": "b", "negative": None},
            {"anchor": "e", "positive": "f", "negative": ["c", "d"]}]  # fmt: skip
    path = tmp_path / f"a.{ending}"
    if ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        Dataset.from_list(rows).to_parquet(path)
    data = read_training_data(path, TRIPLET)
    assert (data.rows["negative"][:], data.rows_without_negatives) == (["", "c"], 1)
    found = problems(path)["no_negatives"]
    assert (found.severity, found.first) == ("note", (1,))


@pytest.mark.parametrize("name", ["negative", "neg", "hard_negative"])
@pytest.mark.parametrize("ending", ["jsonl", "parquet", "memory"])
def test_a_list_of_negatives_is_read_whole(tmp_path, caplog, name, ending):
    caplog.set_level("INFO")
    rows = [{"query": "a", "pos": ["b", "z"], name: ["c", "d"]},
            {"query": "e", "pos": ["f"], name: []},
            {"query": "g", "pos": ["h"], name: ["i"]}]  # fmt: skip
    path = tmp_path / f"a.{ending}"
    if ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if ending == "parquet":
        Dataset.from_list(rows).to_parquet(path)
    data = as_training_data(rows if ending == "memory" else path, TRIPLET)
    assert data.rows.column_names == ["anchor", "positive", "negative", "negative_2"]
    assert data.rows["negative"][:] == ["c", "", "i"]
    assert data.rows["negative_2"][:] == ["d", "", ""]
    source = "data" if ending == "memory" else path
    assert caplog.messages == [
        f"{source}: of several texts in a list, only the first is read, in 1 rows (1).",
        f"{source}: rows without a hard negative: 1 (2).",
    ]
    if ending != "memory":
        found = problems(path)
        assert found["listed"].rows == 1
        assert found["no_negatives"].first == (2,)
        assert problems(path, named=("query", "pos", name))["no_negatives"].first == (2,)


def test_lists_and_numbers_together_and_columns_by_other_names(tmp_path, table):
    rows = [{"anchor": "a", "positive": "b", "negative": ["c", "d"], "negative_2": "e"}]
    assert as_training_data(rows, TRIPLET).rows[0]["negative_3"] == "e"
    path = table(("q", "p", "x", "y"), ("a", "b", "c", "d"), ("e", "f", "", "g"))
    data = read_training_data(path, TRIPLET, ["q", "p", "y", "x"])
    assert data.rows["negative"][:] == ["d", "g"]
    assert data.rows["negative_2"][:] == ["c", ""]
    tuples = as_training_data([("a", "b", "c", "d"), ("e", "f", None, None)])
    assert tuples.rows[1] == {"anchor": "e", "positive": "f", "negative": "", "negative_2": ""}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"anchor": "a", "positive": "b", "negative": []}] * 2,
         r"^data: no row has a negative: fill some in, or train on `columns=\['anchor', 'pos"),
        ([("a", "b", "c"), ("d", "e", "")], "^data, row 2 has no negative: fill it"),
        ([("a", "b", ["c"]), ("d", "e", ["f", 3])], "^data, row 2: column 'negative' holds 3"),
        ([{"anchor": "a", "positive": "b", "negative": "c"},
          {"anchor": "a", "positive": "b", "negative": {"x": 1}}], "row 2: column 'negative' h"),
    ],
)  # fmt: skip
def test_negatives_that_are_none(rows, message):
    with pytest.raises(InputError, match=message) as caught:
        as_training_data(rows, TRIPLET)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "layouts", "unread"),
    [
        (("anchor", "positive", "negatve"), TRIPLET, "negatve"),
        (("anchor", "positive", "hard-neg"), TRIPLET, "hard-neg"),
        (("anchor", "positive", "neg_list"), TRIPLET, "neg_list"),
        (("anchor", "positive", "text"), TRIPLET, "text"),
        (("text", "anchor", "positive"), TEXT, "anchor, positive"),
        (("text", "sentence1", "sentence2"), TEXT, "sentence1, sentence2"),
        (("sentence", "text", "x"), TEXT, "sentence"),
    ],
)
def test_a_column_that_may_be_meant_and_is_not_read_is_named(
    table, caplog, header, layouts, unread
):
    caplog.set_level("INFO")
    path = table(header, ("a", "b", "c"), ("d", "e", "f"))
    read_training_data(path, layouts)
    assert caplog.messages[0] == f"{path}: columns not read: {unread}."
    assert problems(path)["unread_columns"].severity == "error"
    assert "unread_columns" not in problems(path, named=header[:2])


@pytest.mark.parametrize("extra", ["id", "idx", "genre", "title", "negative_score", "pairID"])
def test_other_columns_are_no_fault(table, caplog, extra):
    caplog.set_level("INFO")
    path = table(("anchor", "positive", extra), ("a", "b", 1), ("c", "d", 2))
    read_training_data(path, TRIPLET)
    assert caplog.messages == []
    assert "unread_columns" not in problems(path)


def test_the_columns_of_snli_as_published(table):
    header = ("gold_label", "sentence1_binary_parse", "sentence1_parse", "sentence1", "sentence2",
              "captionID", "pairID", "label1", "label2")  # fmt: skip
    path = table(header, ("-", *"(a", "b", "c", "i", "j"), ("neutral", *"(a", "d", "e", *"ijkl"))
    path = table(header, ["neutral", *"abcdefgh"], ["entailment", *"bbcdefgh"], ["-", *"cbcdefgh"])
    data = read_training_data(path, LABELLED)
    assert (data.classes, data.unlabelled_rows) == (("entailment", "neutral"), 1)
    assert "unread_columns" not in problems(path)


@pytest.mark.parametrize("pair", PAIR_NAMES)
def test_labelled_pairs_are_read_by_every_command(table, pair):
    path = table((*pair, "label"), *[(f"a{i}", f"b{i}", i % 2) for i in range(40)])
    data = read_training_data(path, LABELLED)
    assert data.rows.column_names == ["sentence1", "sentence2", "label"]
    assert read_inputs(path, [("sentence1", "sentence2"), ("text",)])[1] == {
        "sentence1": "a1",
        "sentence2": "b1",
    }
    assert read_pair_classification(path).sentences2[1] == "b1"
    assert read_transfer(path).train.others[1] == "b1"
    assert check_file(path, LIMITS).classes == {"0": 20, "1": 20}
    graded = table((*pair, "similarity_score"), ("a", "b", 1), ("c", "d", 2))
    assert read_sts(graded).scores == (1.0, 2.0)


@pytest.mark.parametrize("text", ["text", "sentence", "Sentence", " text"])
def test_labelled_texts_are_read_by_every_command(table, text):
    path = table((text, "Label"), *[(f"a{i}", i % 2) for i in range(40)])
    assert read_training_data(path, LABELLED).rows["text"][1] == "a1"
    assert read_inputs(path, [("sentence1", "sentence2"), ("text",)])["text"][1] == "a1"
    assert read_transfer(path).train.texts[1] == "a1"
    assert read_clustering(path).texts[1] == "a1"
    assert check_file(path, LIMITS).classes == {"0": 20, "1": 20}


@pytest.mark.parametrize(
    ("header", "layouts", "columns"),
    [
        (("review", "stars"), [("text", "label")], ["review", "stars"]),
        (("premise", "other", "label"), [("sentence1", "sentence2", "label")],
         ["premise", "other", "label"]),
        (("first", "second"), TRIPLET, ["first", "second"]),
    ],
)  # fmt: skip
def test_advice_names_columns_of_the_file_and_works(table, header, layouts, columns):
    path = table(header, *["abc"[: len(header) - 1] + str(i) for i in range(2)])
    with pytest.raises(InputError, match=re.escape(f"in that order, as `columns={columns}`.")):
        read_training_data(path, layouts)
    assert len(read_training_data(path, layouts, columns).rows) == 2


def test_advice_on_a_missing_negative_names_the_columns_of_the_file(table):
    path = table(("sent0", "sent1", "hard_neg"), ("a", "b", "c"), ("d", "e", ""))
    with pytest.raises(InputError, match=r"or train on `columns=\['sent0', 'sent1'\]`"):
        read_training_data(path, TRIPLET)


MISSING = ["-1", '"-1"', "-1.0", '"-1.0"', '"-"', '""', '" "', "null", "NaN", '"nan"', '"NaN"',
           '"null"', '"N/A"', '"<NA>"']  # fmt: skip


@pytest.mark.parametrize("label", MISSING)
def test_a_row_without_a_label_is_left_out_and_counted(tmp_path, caplog, label):
    caplog.set_level("INFO")
    rows = '{"text": "x%d", "label": %s}\n'
    path = tmp_path / "a.jsonl"
    path.write_text("".join(rows % (i, '"ab"'[i % 2 + 1].join('""')) for i in range(40))
                    + rows % (40, label))  # fmt: skip
    data = read_training_data(path, [("text", "label")])
    assert (data.classes, data.unlabelled_rows, len(data.rows)) == (("a", "b"), 1, 40)
    assert len(read_clustering(path).texts) == len(read_transfer(path).train.texts) == 40
    hint = "Blank, -, NaN and -1 are not labels."
    assert caplog.messages == [f"{path}: rows left out: 1 without a label (41). {hint}"] * 3
    assert problems(path)["no_label"].first == (41,)
    assert problems(path)["no_label"].severity == "note"


def test_pairs_without_a_label_are_left_out_of_evaluation(table, caplog):
    caplog.set_level("INFO")
    path = table(("premise", "hypothesis", "label"), ("a", "b", 1), ("c", "d", -1), ("e", "f", 0))
    assert read_pair_classification(path).labels == (True, False)
    assert "rows left out: 1 without a label (3)" in caplog.text


def test_where_no_label_is_left_the_row_is_named(table):
    path = table(("text", "label"), ("a", -1), ("b", "-"))
    with pytest.raises(InputError, match=r"no row with text and a label \(row 2 has no label\)"):
        read_training_data(path, [("text", "label")])
    with pytest.raises(InputError, match=r"no row with text and a label \(row 2 has no label\)"):
        read_clustering(path)
    assert problems(path)["no_labels"].severity == "error"


@pytest.mark.parametrize(
    ("written", "label"),
    [("1", "1"), ("1.0", "1"), ('"1.0"', "1"), ('"1"', "1"), ("true", "True"), ('"True"', "True"),
     ('" a "', "a"), ('"none"', "none"), ('"NA"', "NA"), ('"1.5"', "1.5"), ("0.0", "0")],
)  # fmt: skip
def test_a_label_is_one_however_it_is_written(tmp_path, written, label):
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"text": "x", "label": "zz"}}\n{{"text": "y", "label": {written}}}\n')
    assert set(read_training_data(path, [("text", "label")]).classes) == {label, "zz"}
    assert set(read_clustering(path).labels) == {label, "zz"}
    assert set(check_file(path, LIMITS).classes) == {label, "zz"}
    assert not is_missing(label)


def test_scores_that_are_missing_are_left_out_of_training_too(table):
    path = table(("sentence1", "sentence2", "score"), ("a", "b", 1), ("c", "d", ""), ("e", "f", 2))
    data = read_training_data(path, [("sentence1", "sentence2", "score")])
    assert (data.rows["label"][:], data.unlabelled_rows) == ([1.0, 2.0], 1)


def test_names_of_columns_stay_on_their_line(tmp_path, caplog):
    caplog.set_level("INFO")
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "a", "neg\n\x1b[31m": "b"}) + "\n")
    read_training_data(path, TEXT)
    assert caplog.messages == [f"{path}: columns not read: neg\\n\\x1b[31m."]
    with pytest.raises(InputError) as caught:
        read_training_data(path, TRIPLET)
    assert "\n" not in str(caught.value)
