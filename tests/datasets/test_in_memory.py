"""Rows in memory are read as the same rows in a file are, whatever holds them."""

import json
import logging
import subprocess
import sys

import datasets
import numpy as np
import pytest

from sentemb.datasets import (
    TrainingData,
    as_sts,
    as_training_data,
    read_inputs,
    read_sts,
    read_texts,
    read_training_data,
)
from sentemb.datasets.in_memory import InMemory
from sentemb.datasets.labelled import read_clustering, read_pair_classification, read_transfer
from sentemb.errors import InputError
from sentemb.runs.conditions import described_rows
from sentemb.runs.output import read_by

pandas = pytest.importorskip("pandas")
ROWS = {
    "texts": [{"text": text} for text in ("One.", "  ", "Zwei é.", "", "One.")],
    "labelled": [
        {"text": "One.", "label": "a"},
        {"text": "Two.", "label": None},
        {"text": "Three.", "label": "-1"},
        {"text": "", "label": "a"},
        {"text": "Five.", "label": " b "},
    ],
    "numbered": [
        {"text": "One.", "label": 1},
        {"text": "Two.", "label": None},
        {"text": "Three.", "label": 0},
    ],
    "triplets": [
        {"anchor": "a", "positive": "b", "negative": "c"},
        {"anchor": "d", "positive": "e", "negative": ["f", "g"]},
    ],
    "scored": [
        {"sentence1": "a", "sentence2": "b", "score": 4.5},
        {"sentence1": "c", "sentence2": "d", "score": None},
        {"sentence1": "e", "sentence2": "f", "score": 0},
    ],
    "others": [{"query": "a", "pos": "b", "id": 3}, {"query": "c", "pos": "d", "id": 4}],
}
CONTAINERS = {
    "dicts": list,
    "generator": lambda rows: (row for row in rows),
    "tuples": lambda rows: [tuple(row.values()) for row in rows],
    "columns": lambda rows: {name: [row[name] for row in rows] for name in rows[0]},
    "arrow": lambda rows: datasets.Dataset.from_list(
        [{k: v[:1] if isinstance(v, list) else v for k, v in row.items()} for row in rows]
    ),
    "iterable": lambda rows: datasets.Dataset.from_list(rows).to_iterable_dataset(),
    "frame": pandas.DataFrame,
}


def as_file(rows, folder):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("kind", ROWS)
def test_rows_in_memory_are_those_of_the_file(kind, container, tmp_path, caplog):
    rows = ROWS[kind]
    if container == "tuples" and kind == "others":
        rows = [{"query": row["query"], "pos": row["pos"]} for row in rows]
    if container in ("arrow", "iterable") and kind == "triplets":
        rows = [{**row, "negative": "c"} for row in rows]
    layouts = [("anchor", "positive", "negative"), ("sentence1", "sentence2", "score")]
    layouts += [("anchor", "positive"), ("text", "label"), ("text",)]
    caplog.set_level(logging.INFO, "sentemb")
    path = as_file(rows, tmp_path)
    expected = read_training_data(path, layouts)
    told = [message.replace(str(path), "data") for message in caplog.messages]
    caplog.clear()
    if container == "tuples" and kind == "texts":
        found = as_training_data([row["text"] for row in rows], layouts)
    elif container == "tuples" and kind == "labelled":
        found = as_training_data(CONTAINERS[container](rows), [("text", "label")])
    else:
        found = as_training_data(CONTAINERS[container](rows), layouts)
    assert found.rows.to_dict() == expected.rows.to_dict()
    assert described_rows(found.rows) == described_rows(expected.rows)
    assert found.rows.features == expected.rows.features
    for name in ("empty_rows", "classes", "unlabelled_rows"):
        assert getattr(found, name) == getattr(expected, name)
    assert caplog.messages == told


def test_the_bundled_files_are_read_alike():
    from sentemb.bundled import bundled

    rows = pandas.read_csv(bundled("triplets.csv"), keep_default_na=False)
    layouts = [("anchor", "positive", "negative")]
    expected = described_rows(read_training_data(bundled("triplets.csv"), layouts).rows)
    assert described_rows(as_training_data(rows, layouts).rows) == expected
    assert described_rows(as_training_data(rows.to_dict("list"), layouts).rows) == expected
    assert as_sts(bundled("graded.tsv")).scores == as_sts(
        list(zip(*(getattr(as_sts(bundled("graded.tsv")), side) for side in
                   ("sentences1", "sentences2", "scores")), strict=True))
    ).scores  # fmt: skip


def test_other_columns_are_named_and_read_data_is_returned(tmp_path):
    rows = {"a": ["x", "y"], "b": ["v", "w"]}
    data = as_training_data(rows, [("anchor", "positive")], columns=["b", "a"])
    assert data.rows["anchor"][:] == ["v", "w"]
    assert as_training_data(data) is data
    assert as_training_data(as_file(ROWS["texts"], tmp_path)).rows["text"][:] == [
        *("One.", "Zwei é.", "One.")
    ]


def test_rows_in_memory_have_no_path():
    data = as_training_data(["One.", "Two."])
    assert data.source == "<list>"
    assert read_by(data) == ["<list>"]
    assert as_training_data(pandas.DataFrame({"text": ["a"]})).source == "<DataFrame>"
    assert "secret" not in repr(InMemory(["secret"]))


def test_numbers_and_arrays_of_other_libraries_are_plain_ones():
    labelled = as_training_data(
        [(np.str_("One."), np.int64(1)), (np.str_("Two."), np.int64(0))], [("text", "label")]
    )
    assert labelled.classes == ("0", "1")
    columns = {"text": np.array(["One.", "Two."]), "label": np.array([1, 0])}
    assert as_training_data(columns, [("text", "label")]).rows["label"][:] == [1, 0]
    shown = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}).with_format("numpy")
    assert as_training_data(shown, [("text", "label")]).classes == ("0", "1")
    assert as_training_data(pandas.Series(["One.", None, "Two."])).empty_rows == 1


def test_a_tuple_that_ends_in_a_number_is_scored():
    assert as_training_data([("a", "b", 1.5), ("a", "c", 2)]).rows["label"][:] == [1.5, 2.0]
    assert "negative" in as_training_data([("a", "b", "c"), ("d", "e", "f")]).rows.column_names
    assert as_training_data([("a", 1), ("b", 0)]).classes == ("0", "1")


def test_long_texts_are_cut_and_the_caller_keeps_his_own(caplog):
    rows = [{"text": "é" * 2**20}, {"text": "short"}]
    caplog.set_level(logging.INFO, "sentemb")
    data = as_training_data(rows)
    assert [len(text) for text in data.rows["text"]] == [2**19, 5]
    assert len(rows[0]["text"]) == 2**20
    assert "data: rows with a text longer than 1 MiB, which was cut there: 1 (1)." in caplog.text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (["One.", 3], "data, row 2 is 3; a text, a tuple or a dict is needed"),
        ([("a", "b"), ("c", "")], "data, row 2 has no positive"),
        ([("a", "b"), ("c",)], "data, row 2 has 1 values, and row 1 has 2 (anchor, positive)"),
        ([()], "data, row 1 has 0 values; tuples are read as (anchor, positive"),
        ([{"txt": "a"}], "data has the columns txt; needed are"),
        ([{"text": "a"}, {"text": "b", "label": 1}], "row 2 has a label, but row 1 has none"),
        ({"text": "a"}, "column 'text' is 'a'; a list with a value for every row is needed"),
        ({"text": ["a"], "label": [1, 2]}, "column 'text' has 1 values and column 'label' has 2"),
        ([("a", "b", "high"), ("a", "b", 2.0)], "row 2: column 'negative' holds 2.0"),
        ([("a", "b", 2.0), ("a", "b", "high")], "row 2: score 'high' is not a finite number"),
        (["a", "\ud800"], "data, row 2: column 'text' is not a valid text"),
        ([], "data holds no row."),
        ([" ", None], "data holds no row with text"),
        (3, "data must be a path, the name of a data set, or rows"),
        ("A sentence.", "No file 'A sentence.'. Give a file of texts, or in Python a list"),
        ("Yes or no. " * 30, "…'. Give a file of texts, or in Python a list"),
        ("Yes/no. " * 50, "…'. Give a file of texts, or in Python a list"),
        ("my texts.txt", "No file 'my texts.txt'."),
        (datasets.DatasetDict({"train": datasets.Dataset.from_dict({"text": ["a"]})}), "splits"),
        (pandas.DataFrame([["a", "b"]], columns=["text", "text"]), "two columns called 'text'"),
    ],
)
def test_errors_name_the_row(data, said):
    with pytest.raises(InputError) as error:
        as_training_data(data)
    assert said in str(error.value)


def test_a_parameter_is_named_by_its_own_name():
    with pytest.raises(InputError, match=r"^train, row 2 is 3;"):
        as_training_data(["One.", 3], name="train")
    with pytest.raises(InputError, match=r"^dev, row 2 has no sentence2"):
        as_sts([("a", "b", 1), ("c", " ", 2)])


def test_graded_pairs_come_in_any_container():
    rows = ROWS["scored"]
    task = as_sts(rows)
    assert (task.name, task.ungraded, [*task.scores]) == ("dev", 1, [4.5, 0.0])
    for make in (CONTAINERS["tuples"], CONTAINERS["columns"], pandas.DataFrame):
        assert as_sts(make(rows)) == task
    assert as_sts(task) is task
    subsets = read_sts([("a", "b", 1, "news"), ("c", "d", 2, "forums")], name="mine")
    assert (subsets.name, subsets.subsets) == ("mine", ("news", "forums"))


def test_labelled_texts_and_inputs_come_in_any_container():
    texts = [(f"text {n}", "ab"[n % 2]) for n in range(24)]
    assert read_clustering(texts).labels[:2] == ["a", "b"]
    assert read_transfer(pandas.DataFrame(texts, columns=["text", "label"])).name == "data"
    pairs = read_pair_classification([("a", "b", 1), ("c", "d", 0)])
    assert pairs.labels == (True, False)
    assert read_inputs(["a", ""], [("sentence1", "sentence2"), ("text",)])["text"][:] == ["a", ""]
    assert read_inputs([("a", "b")], [("sentence1", "sentence2")]).column_names == [
        *("sentence1", "sentence2")
    ]
    assert list(read_texts(["a", None, "b"])) == ["a", "", "b"]


def test_training_data_keeps_its_type():
    assert isinstance(as_training_data(["a", "b"]), TrainingData)


def test_rows_in_memory_need_no_library_that_is_not_there():
    code = (
        "import sys; from sentemb.datasets import read_texts; print(list(read_texts(['a']))); "
        "assert not {'torch', 'transformers', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
