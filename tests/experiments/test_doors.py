"""What the commands do, a notebook does: models by name, as objects, with names to show."""

import json

import numpy as np
import pytest

import sentemb
from sentemb.bundled import bundled
from sentemb.errors import UsageError
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder


class Letters:
    """Vectors that count letters: an encoder that is nobody's."""

    def encode(self, texts):
        return [[text.count(letter) + 0.1 for letter in "aeiounrst"] for text in texts]


@pytest.fixture
def encoder():
    return load_encoder("mini")


def test_evaluate_takes_names_and_objects(encoder):
    report = sentemb.evaluate({"named": "mini", "loaded": encoder, "letters": Letters()})
    named, loaded, letters = report["models"]
    assert named["results"] == loaded["results"]
    assert letters["labels"] == "unknown"
    assert 0 < letters["results"]["graded"]["spearman"] < 100
    assert [one["model"] for one in report["differences"]] == ["loaded", "letters"]
    assert "labels seen by named: none: a raw masked-language model" in str(report)
    assert {row["model"] for row in report} == {"named", "loaded", "letters"}
    assert json.loads(report.to_json())["schema"] == "sentemb.evaluate/1"
    assert report.to_markdown().count("| :-- |") == 3


def test_evaluate_scores_tasks_that_are_made_already():
    task = sentemb.STS("mine", ["an ant", "a bee", "it"], ["an aunt", "two", "is"], [5, 1, 2])
    (model,) = sentemb.evaluate(Letters(), tasks=[task])["models"]
    assert (model["model"], list(model["results"])) == ("Letters", ["mine"])


def test_evaluate_refuses_what_cannot_be(encoder):
    with pytest.raises(UsageError, match="'mini' is named twice"):
        sentemb.evaluate(["mini", "mini"])
    with pytest.raises(UsageError, match="pooling is of models that are named"):
        sentemb.evaluate(encoder, pooling="mean")


def test_analyze_takes_sentences_and_objects(encoder):
    lines = bundled("sentences.txt").read_text(encoding="utf-8").splitlines()[:64]
    report = sentemb.analyze({"loaded": encoder, "letters": Letters()}, lines)
    loaded, letters = (report["models"][name]["measures"] for name in ("loaded", "letters"))
    assert set(loaded) - set(letters) == {"length_norm", "length_difference_cosine"}
    with Embedder(encoder) as embedder:
        vectors = embedder.encode(lines)
    assert report["models"]["loaded"]["dimension"] == np.shape(vectors)[1]
    assert "Spearman x 100" in str(report)


def test_check_returns_problems_as_rows(tmp_path):
    file = tmp_path / "few.txt"
    file.write_text("a dog\na dog\n")
    report = sentemb.check(file, test=file)
    assert report["errors"] > 0
    assert {"duplicates", "leaked_rows"} <= {row["problem"] for row in report}
    assert str(report).startswith(f"{file}: 2 rows, 1 different texts (text)")
