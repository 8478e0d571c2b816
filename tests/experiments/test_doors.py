"""What the commands do, a notebook does: models by name, as objects, with names to show."""

import json
from importlib.util import find_spec

import numpy as np
import pytest

import sentemb
from sentemb import build_encoder
from sentemb.bundled import bundled
from sentemb.errors import UsageError
from sentemb.experiments import run_seeds
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder
from sentemb.losses import InfoNCE, SimpleContrastive


class Letters:
    """Vectors that count letters: an encoder that is nobody's."""

    def encode(self, texts):
        return [[text.count(letter) + 0.1 for letter in "aeiounrst"] for text in texts]


@pytest.fixture
def encoder():
    return load_encoder("mini")


@pytest.mark.wide
def test_evaluate_takes_names_and_objects(encoder):
    report = sentemb.evaluate({"named": "mini", "loaded": encoder, "letters": Letters()})
    named, loaded, letters = report["models"]
    assert named["results"] == loaded["results"]
    assert letters["labels"] == "unknown"
    assert 0 < letters["results"]["graded"]["spearman"] < 100
    assert [one["model"] for one in report["differences"]] == ["loaded", "letters"]
    assert "labels seen by named: those of its teacher" in str(report)
    assert {row["model"] for row in report} == {"named", "loaded", "letters"}
    assert json.loads(report.to_json())["schema"] == "sentemb.evaluate/1"
    assert report.to_markdown().count("| :-- |") == 3


def test_evaluate_scores_tasks_that_are_made_already():
    task = sentemb.STS("mine", ["an ant", "a bee", "it"], ["an aunt", "two", "is"], [5, 1, 2])
    (model,) = sentemb.evaluate(Letters(), tasks=[task])["models"]
    assert (model["model"], list(model["results"])) == ("Letters", ["mine"])


def test_evaluate_takes_rows_in_memory_and_a_run():
    pandas = pytest.importorskip("pandas")
    rows = [("an ant", "an aunt", 5), ("a bee", "two", 1), ("it", "is", 2)]
    frame = pandas.DataFrame(rows, columns=["sentence1", "sentence2", "score"])
    run = sentemb.train("simcse-unsup", ["one", "two", "three"], batch_size=2, max_steps=1)
    (model,) = sentemb.evaluate(run, sts=frame)["models"]
    assert (model["model"], list(model["results"])) == ("simcse-unsup", ["sts"])
    (loaded,) = sentemb.evaluate(run.output, sts=rows)["models"]
    assert loaded["results"] == model["results"]
    with pytest.raises(UsageError, match="`retrieval` takes folders and files"):
        sentemb.evaluate("mini", retrieval=rows)


@pytest.mark.long
def test_study_compare_and_sweep_take_data_in_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"data": [f"Text {n}." for n in range(8)], "batch_size": 4, "max_steps": 1}
    given |= {"dev": [("an ant", "an aunt", 5), ("a bee", "two", 1), ("it", "is", 2)]}
    losses = {"mine": InfoNCE(), "simple": SimpleContrastive(0.3)}
    report = sentemb.study("temperature", [0.1, 0.5], losses=losses, **given)
    assert [(line["loss"], line["value"]) for line in report["summary"]] == [
        ("before training", None),
        ("mine", 0.1),
        ("mine", 0.5),
        ("simple", None),
    ]
    assert (tmp_path / "studies/temperature/results.jsonl").is_file()
    report = sentemb.compare(["simcse-unsup", "mini"], output="both", **given)
    assert [line["method"] for line in report["summary"]] == ["simcse-unsup", "mini"]
    with pytest.raises(UsageError, match="Did you mean 'temperature'"):
        sentemb.study("temprature", [0.1], **given)
    with pytest.raises(UsageError, match="Which values of learning-rate"):
        sentemb.study("learning_rate", **given)
    if find_spec("optuna"):
        report = sentemb.sweep({"temperature": (0.01, 0.5)}, trials=2, **given)
        assert 0.01 <= report["best"]["temperature"] <= 0.5


def test_seeds_have_a_folder_each_and_a_spread(tmp_path):
    texts = ["one", "two", "three", "four"]
    given = {"method": "simcse-unsup", "data": texts, "batch_size": 2, "max_steps": 1}
    dev = [("an ant", "an aunt", 5), ("a bee", "two", 1), ("it", "is", 2)]
    report = run_seeds(sentemb.train, range(2), tmp_path / "runs", dev=dev, **given)
    assert [one["settings"]["seed"] for one in report["runs"]] == [0, 1]
    assert set(report["spread"]["spearman"]) == {"mean", "sd", "min", "max"}
    assert sorted(path.name for path in (tmp_path / "runs").glob("seed*")) == [
        "seed-0",
        "seed-1",
        "seeds.json",
    ]
    with pytest.raises(UsageError, match="Several seeds need a model given by name"):
        run_seeds(sentemb.train, [0], tmp_path / "more", model=load_encoder("mini"), **given)


def test_info_knows_models_and_what_is_installed():
    assert (
        sentemb.info("mini")["dimension"] == sentemb.info(build_encoder("mini"))["dimension"] == 96
    )
    assert "simcse-unsup" in sentemb.info()["methods"]
    assert "torch" in str(sentemb.info())
    with pytest.raises(UsageError, match="is a file, and info describes models"):
        sentemb.info(bundled("graded.tsv"))


def test_evaluate_refuses_what_cannot_be(encoder):
    with pytest.raises(UsageError, match="'mini' is named twice"):
        sentemb.evaluate(["mini", "mini"])
    with pytest.raises(UsageError, match="pooling needs a model given by name"):
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
