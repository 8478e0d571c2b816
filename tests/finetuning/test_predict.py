"""Predicting: a line for every row, and what one label a row is not an answer to."""

import json

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from sentemb.bundled import bundled
from sentemb.datasets import read_inputs
from sentemb.datasets.inputs import Inputs
from sentemb.finetuning.predict import predictions

LAYOUTS = [("sentence1", "sentence2"), ("text",)]
NUMBERS = ("probability", "score")
BLANK = {
    "a.txt": "first\n\nthird\n   \nfifth\n",
    "a.jsonl": '{"text": "a"}\n{"text": ""}\n{"text": "b"}\n{"text": null}\n{"text": "c"}\n',
    "pairs.tsv": "sentence1\tsentence2\na\tb\nc\t\ne\tf\n \th\ni\tj\n",
}


@pytest.fixture
def classifier(tmp_path):
    """Save an untrained classifier of the bundled encoder, with settings of its own."""

    def save(**settings):
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_pretrained(bundled("mini"), **settings)
        model.save_pretrained(tmp_path / "model")
        AutoTokenizer.from_pretrained(bundled("mini")).save_pretrained(tmp_path / "model")
        return tmp_path / "model"

    return save


@pytest.mark.sampled
@pytest.mark.parametrize(("labels", "keys"), [(3, {"label", "probability"}), (1, {"score"})])
@pytest.mark.parametrize("name", BLANK)
def test_a_line_for_every_row_blank_ones_too(sentemb, tmp_path, classifier, name, labels, keys):
    classifier(num_labels=labels)
    (tmp_path / name).write_text(BLANK[name])
    process = sentemb("predict", "model", name)
    assert process.returncode == 0, process.stderr
    rows = [json.loads(line) for line in process.stdout.splitlines()]
    texts = {"sentence1", "sentence2"} if name == "pairs.tsv" else {"text"}
    assert [set(row) for row in rows] == [texts | keys] * 5
    assert [None in row.values() for row in rows] == [False, True, False, True, False]
    assert b"5 rows; without text, so null: 2;" in process.stderr
    filled = read_inputs(tmp_path / name, LAYOUTS).select([0, 2, 4])
    alone = predictions("model", Inputs(filled))
    assert alone.empty_rows == 0
    for row, other in zip(rows[::2], alone.rows, strict=True):
        assert row.keys() == other.keys()
        for key, value in row.items():
            assert other[key] == (pytest.approx(value, abs=1e-5) if key in NUMBERS else value)


def test_rows_that_are_all_blank(sentemb, tmp_path, classifier):
    classifier(num_labels=1)
    (tmp_path / "a.txt").write_text("\n \n")
    assert sentemb("predict", "model", "a.txt").stdout == (
        b'{"text": "", "score": null}\n{"text": " ", "score": null}\n'
    )


def test_a_model_of_several_labels_a_row_is_refused(sentemb, tmp_path, classifier):
    classifier(num_labels=3, problem_type="multi_label_classification")
    (tmp_path / "a.txt").write_text("one\n")
    process = sentemb("predict", "model", "a.txt")
    assert process.returncode == 2
    assert process.stderr.count(b"\n") == 1
    assert b"several labels per text" in process.stderr
    assert not process.stdout


RECORDS = {
    "texts": ('{"data": {"columns": ["text", "label"]}}', "single texts"),
    "pairs": ('{"data": {"columns": ["sentence1", "sentence2", "score"]}}', "pairs"),
    "others": ('{"data": {"columns": ["anchor"]}}', None),
    "no data": ("[]", None),
    "no json": ("{", None),
}


@pytest.mark.sampled
@pytest.mark.parametrize("given", ["single texts", "pairs"])
@pytest.mark.parametrize("record", RECORDS)
def test_rows_of_another_kind_than_the_model_was_trained_on_are_told(
    sentemb, tmp_path, classifier, record, given
):
    model = classifier(num_labels=2)
    content, trained_on = RECORDS[record]
    (model / "run.json").write_text(content)
    name = "pairs.tsv" if given == "pairs" else "a.txt"
    (tmp_path / name).write_text(BLANK[name])
    process = sentemb("--quiet", "predict", "model", name)
    assert process.returncode == 0
    told = f"Model 'model' was trained on {trained_on}; these are {given}.\n"
    assert process.stderr.decode() == (told if trained_on not in (None, given) else "")


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (2, b"--max-length must be at least 5, got 2"),
        (256, b"128 places: give a smaller --max-length"),
    ],
)
def test_a_length_that_does_not_fit_is_refused(sentemb, tmp_path, classifier, length, message):
    classifier(num_labels=2)
    (tmp_path / "a.txt").write_text("word " * 200 + "\n")
    process = sentemb("predict", "model", "a.txt", "--max-length", length)
    assert process.returncode == 2
    assert message in process.stderr
