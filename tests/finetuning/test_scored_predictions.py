"""Predictions where the rows are labelled: files, scores, the picture."""

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

import sentemb
from sentemb.bundled import bundled
from sentemb.datasets import read_texts
from sentemb.errors import InputError, UsageError
from sentemb.finetuning.scored_predictions import score_classes, score_numbers

ROWS = [
    {"ID": 7, "text": 'a "fine",\tfilm', "label": "yes"},
    {"ID": 8, "text": "", "label": "no"},
    {"ID": 9, "text": "a dull film", "label": "no"},
    {"ID": 10, "text": "no\nlabel", "label": None},
]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Untrained classifiers of three classes, and of none."""
    folder = tmp_path_factory.mktemp("models")
    for name, settings in {
        "classes": {"num_labels": 3, "id2label": {0: "yes", 1: "no", 2: "maybe"}},
        "regression": {"num_labels": 1},
    }.items():
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_pretrained(bundled("mini"), **settings)
        model.save_pretrained(folder / name)
        AutoTokenizer.from_pretrained(bundled("mini")).save_pretrained(folder / name)
    return folder


def test_precision_recall_f1_and_the_matrix_by_hand():
    found = score_classes(["a", "a", "a", "b"], ["a", "a", "b", "b"], ["a", "b", "c"])
    assert found.metrics == pytest.approx(
        {"accuracy": 0.75, "f1_macro": (0.8 + 2 / 3) / 2, "mcc": 0.57735}, abs=1e-5
    )
    rows = {row["label"]: row for row in found.per_class}
    assert rows["a"] == pytest.approx(
        {"label": "a", "precision": 1.0, "recall": 2 / 3, "f1": 0.8, "support": 3}
    )
    assert rows["c"] == {"label": "c", "precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert rows["weighted average"]["f1"] == pytest.approx((3 * 0.8 + 2 / 3) / 4)
    assert [row[1:] for row in found.confusion.rows] == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_a_class_that_the_model_has_not_counts_as_wrong():
    found = score_classes(["z", "a"], ["a", "a"], ["a"])
    assert found.metrics["accuracy"] == 0.5
    assert found.confusion.columns == ["true \\ predicted", "a", "z"]


def test_scores_of_a_regression():
    found = score_numbers([1.0, 2.0, 3.0], [0.1, 0.2, 9.0])
    assert found.metrics["spearman"] == pytest.approx(1)
    assert found.metrics["pearson"] == pytest.approx(np.corrcoef([1, 2, 3], [0.1, 0.2, 9])[0, 1])
    assert score_numbers([1.0, 1.0], [0.1, 0.2]) is None


def test_what_python_gets(models, tmp_path, capsys):
    found = sentemb.predict(models / "classes", ROWS)
    assert list(found.rows[0]) == ["id", "text", "true_label", "label", "probability"]
    assert [row["id"] for row in found.rows] == [7, 8, 9, 10]
    assert [row["true_label"] for row in found.rows] == ["yes", "no", "no", None]
    assert found.rows[1]["label"] is None
    assert (found.scores.rows, found.empty_rows, len(found)) == (2, 1, 4)
    right = [row["label"] == row["true_label"] for row in found.rows if row["id"] in (7, 9)]
    assert found.metrics["accuracy"] == np.mean(right)
    shown = repr(found)
    for words in ("4 rows: ", "1 without text", "on 2 rows", "accuracy", "support", "true \\ pred"):
        assert words in shown
    assert found.to_pandas()["id"].tolist() == [7, 8, 9, 10]
    assert found.plot(tmp_path / "new" / "c.png").read_bytes().startswith(b"\x89PNG")
    plain = sentemb.predict(models / "classes", ["a text"], device="cpu")
    assert (plain.scores, plain.metrics, plain.confusion) == (None, {}, None)
    with pytest.raises(UsageError, match="A confusion matrix needs labelled rows"):
        plain.plot(tmp_path / "d.png")


def test_numbers_of_classes_are_read_as_the_models(models, caplog):
    rows = [("a good film", 0), ("a bad film", 1), ("a film", 2)]
    with caplog.at_level("INFO", "sentemb"):
        found = sentemb.predict(models / "classes", rows)
    assert found.confusion.columns[1:] == ["yes", "no", "maybe"]
    assert "0 is yes, 1 is no, 2 is maybe" in caplog.text
    caplog.clear()
    sentemb.predict(models / "classes", [{"text": "a", "label": "other"}])
    assert "The model has no class 'other' (it has 'maybe', 'no', 'yes')" in caplog.text


def test_marks_that_are_none_are_left_alone(models, caplog):
    found = sentemb.predict(models / "regression", [{"text": "a", "score": "high"}])
    assert found.scores is None
    assert "not compared with the scores of the rows: data, row 1: score 'high'" in caplog.text
    assert "true_score" not in found.rows[0]
    rows = [{"text": "a", "star": 1}]
    with pytest.raises(InputError, match="no column 'stars' beside its texts; it has star"):
        sentemb.predict(models / "classes", rows, label_column="stars")


def test_a_regression_with_scores(models):
    rows = [("one film", 0.5), ("two good films", 2.5), ("three", 1.0)]
    found = sentemb.predict(models / "regression", rows)
    assert set(found.metrics) == {"pearson", "spearman", "mse"}
    assert "3 rows: scores" in repr(found)
    assert found.rows[0]["true_score"] == 0.5
    mse = np.mean([(row["score"] - row["true_score"]) ** 2 for row in found.rows])
    assert found.metrics["mse"] == pytest.approx(mse)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "tsv", "parquet"])
def test_files_hold_ids_texts_labels_and_answers(sentemb, tmp_path, models, suffix):
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    output = tmp_path / "new" / f"out.{suffix}"
    process = sentemb("predict", models / "classes", "in.jsonl", "-o", output, "--json")
    assert process.returncode == 0, process.stderr
    assert b"columns not read" not in process.stderr
    printed = json.loads(process.stdout)
    assert printed["schema"] == "sentemb.predict/1"
    assert (printed["rows"], printed["empty_rows"]) == (4, 1)
    assert {"accuracy", "f1_macro", "mcc"} == set(printed["metrics"])
    assert [row["label"] for row in printed["per_class"]][:3] == ["yes", "no", "maybe"]
    assert b"true \\ predicted" in process.stderr
    rows = {"jsonl": of_jsonl, "csv": of_csv, "tsv": of_tsv, "parquet": of_parquet}[suffix](output)
    assert list(rows[0]) == ["id", "text", "true_label", "label", "probability"]
    assert [str(row["id"]) for row in rows] == ["7", "8", "9", "10"]
    texts = [row["text"] for row in ROWS]
    if suffix == "tsv":
        texts = [text.replace("\t", " ").replace("\n", " ") for text in texts]
    assert [row["text"] for row in rows] == texts == list(read_texts(output))
    assert [row["true_label"] or None for row in rows] == ["yes", "no", "no", None]
    assert not rows[1]["label"]
    assert 1 / 3 < float(rows[0]["probability"]) < 1


def of_jsonl(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def of_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def of_tsv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def of_parquet(path):
    return pq.read_table(path).to_pylist()


def test_the_picture_needs_labels_and_nothing_is_written_without(sentemb, tmp_path, models):
    (tmp_path / "a.txt").write_text("a film\n")
    words = ("predict", models / "classes", "a.txt", "-o", "a.csv", "--plot", "c.png")
    process = sentemb(*words)
    assert process.returncode == 2
    assert b"name the column of the labels with --label-column" in process.stderr
    assert not (tmp_path / "a.csv").exists()
    (tmp_path / "b.csv").write_text("text,stars\na film,yes\nfilms,no\n")
    words = ("predict", models / "classes", "b.csv", "--label-column", "stars", "--plot", "c.png")
    process = sentemb(*words)
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    assert process.stdout.count(b"\n") == 2
