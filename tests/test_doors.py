"""The commands as functions: data of any kind, recipes by name, results that hold their folder."""

import gc
import json

import datasets
import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

import sentemb
from sentemb import train
from sentemb.bundled import bundled
from sentemb.datasets import as_training_data
from sentemb.datasets.layouts import LABELLED
from sentemb.encoders import build_encoder
from sentemb.errors import InputError, UsageError
from sentemb.finetuning.split import split_off
from sentemb.jobs.job_data import read, settings_for
from sentemb.jobs.train_job import train_job
from sentemb.losses import FlatNCE
from sentemb.methods import method_named
from sentemb.views import Crop, TokenShuffle, View

TEXTS = [f"Sentence number {n} is about {word}." for n in range(8) for word in ("a dog", "a car")]
SHORT = {"batch_size": 8, "max_steps": 1, "max_length": 16}


def containers(texts, tmp_path):
    pandas = pytest.importorskip("pandas")
    (tmp_path / "texts.txt").write_text("\n".join(texts) + "\n")
    return {
        "list": list(texts),
        "frame": pandas.DataFrame({"text": texts}),
        "dataset": datasets.Dataset.from_dict({"text": texts}),
        "path": tmp_path / "texts.txt",
    }


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_every_kind_of_data_trains_the_same_model(tmp_path, sentemb):
    runs = {
        name: train("simcse-unsup", data, tmp_path / name, **SHORT)
        for name, data in containers(TEXTS, tmp_path).items()
    }
    weights = {(run.output / "model.safetensors").read_bytes() for run in runs.values()}
    assert len(weights) == 1
    sentemb("train", "--data", tmp_path / "texts.txt", "--batch-size", 8, "--max-steps", 1,
            "--max-length", 16, "-o", tmp_path / "command")  # fmt: skip
    (tmp_path / "path").rename(tmp_path / "elsewhere")
    folders = [tmp_path / name for name in ("list", "frame", "dataset", "elsewhere", "command")]
    assert len({tuple(left_in(folder)) for folder in folders}) == 1
    records = [json.loads((folder / "run.json").read_text()) for folder in folders]
    assert len({tuple(record) for record in records}) == 1
    for name in ("method", "method_options", "model", "settings", "steps", "rows"):
        assert all(record[name] == records[0][name] for record in records), name
    assert all("base_model: mini" in (folder / "README.md").read_text() for folder in folders)
    assert SentenceTransformer(str(runs["list"].output), device="cpu").encode("a").shape == (96,)


def test_a_name_and_its_method_train_the_same_model(tmp_path):
    from transformers import set_seed

    named = sentemb.train("simcse-unsup", TEXTS, tmp_path / "named", temperature=0.1, **SHORT)
    set_seed(42)
    method = method_named("simcse-unsup", temperature=0.1)
    composed = sentemb.train(method, TEXTS, tmp_path / "composed", named.settings)
    assert named.settings.learning_rate == 3e-5
    for file in ("model.safetensors", "modules.json"):
        assert (named.output / file).read_bytes() == (composed.output / file).read_bytes()


def test_words_and_objects_train_the_same_model(tmp_path):
    given = {"words": ("flatnce:0.1", ["crop:0.2+shuffle", "clean"])}
    given["objects"] = (FlatNCE(0.1), [View(edit=Crop(0.2), order=TokenShuffle()), View()])
    for name, (loss, view) in given.items():
        sentemb.train("simcse-unsup", TEXTS, tmp_path / name, loss=loss, view=view, **SHORT)
    words, objects = (tmp_path / name / "model.safetensors" for name in given)
    assert words.read_bytes() == objects.read_bytes()


def test_a_temporary_folder_lives_as_long_as_its_result():
    run = sentemb.train("simcse-unsup", TEXTS, dev=[("a", "b", 1), ("c", "d", 2)], lr=1e-4, **SHORT)
    folder = run.output
    assert run.settings.learning_rate == 1e-4
    assert "spearman" in run.metrics
    assert (folder / "modules.json").is_file()
    del run
    gc.collect()
    assert not folder.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"method": "simsce"}, "Did you mean 'esimcse'?"),
        ({"batchsize": 8}, "Did you mean 'batch_size'?"),
        ({"temprature": 8}, "Did you mean 'temperature'?"),
        ({"loss": "infonse"}, "Did you mean 'infonce'?"),
        ({"view": "crop+shufle"}, "Did you mean 'shuffle'?"),
        ({"lr": 1, "learning_rate": 2}, "learning_rate is given twice"),
        ({"batch_size": 1}, "batch_size must be at least 2"),
    ],
)
def test_a_wrong_option_of_train_is_named(options, said):
    with pytest.raises(UsageError) as error:
        sentemb.train(**{"method": "simcse-unsup", "data": TEXTS, **options})
    assert said in str(error.value)


def test_wrong_rows_are_named_by_their_parameter():
    with pytest.raises(InputError, match="data, row 2 is 3"):
        sentemb.train("simcse-unsup", ["a", 3])
    with pytest.raises(InputError, match="dev, row 1 has no sentence2"):
        sentemb.train("simcse-unsup", TEXTS, dev=[("a", "", 1)])


def test_finetune_and_predict(tmp_path):
    rows = [(f"{word} {n}", word) for n in range(8) for word in ("dog", "car")]
    run = sentemb.finetune(
        rows[:12], rows[12:], tmp_path / "model", epochs=1, batch_size=4, rdrop=0.5
    )
    found = sentemb.predict(str(run.output), ["dog 1", "", "car 2"])
    assert [row["label"] is None for row in found.rows] == [False, True, False]
    assert found.empty_rows == 1
    with pytest.raises(UsageError, match="Did you mean 'r_drop'"):
        sentemb.finetune(rows, rows, r_dorp=1.0)
    with pytest.raises(UsageError, match="`dev` is given without `data`"):
        sentemb.finetune(dev=rows)
    with pytest.raises(InputError, match="dev, row 1: label 'plane' is none of those"):
        sentemb.finetune(rows, [("plane 1", "plane"), ("car 1", "car")])


def test_export_and_postprocess(tmp_path):
    task = [(f"a {n}", f"b {n}", n % 5) for n in range(10)]
    record = sentemb.export("mini-sentemb", tmp_path / "static", static=True, sts=task, dim=8)
    assert record == {k: v for k, v in json.loads(
        (tmp_path / "static/export.json").read_text()).items() if k != "schema"}  # fmt: skip
    assert record["task"] == "sts"
    with pytest.raises(UsageError, match="Give one of `static` and `int8`"):
        sentemb.export("mini-sentemb", tmp_path / "none")
    made = sentemb.postprocess(
        "mini-sentemb",
        tmp_path / "white",
        whiten=True,
        dims=4,
        data=bundled("sentences.txt").read_text().splitlines()[:40],
        sts=task,
    )
    assert sentemb.load(tmp_path / "white").dim == made["dim"] == 4
    with pytest.raises(UsageError, match="Give one of `whiten` and `remove_top`"):
        sentemb.postprocess("mini-sentemb", tmp_path / "none")


@pytest.mark.wide
def test_a_sentence_transformer_in_memory_is_taken_and_stays(tmp_path):
    task = [(f"a {n}", f"b {n}", n % 5) for n in range(10)]
    rows = [(f"{word} {n}", word) for n in range(8) for word in ("dog", "car")]
    model = build_encoder("mini-sentemb")
    before = model.encode(["a dog", "a car"])
    made = sentemb.export(model, tmp_path / "static", static=True, sts=task, dim=8)
    assert made["model"].endswith("mini-sentemb")
    named = sentemb.export("mini-sentemb", tmp_path / "named", static=True, sts=task, dim=8)
    first, second = (tmp_path / f / "model.safetensors" for f in ("static", "named"))
    assert first.read_bytes() == second.read_bytes()
    assert made["modules"] == named["modules"]
    white = sentemb.postprocess(model, tmp_path / "white", remove_top=1, sts=task)
    assert white["dim"] == before.shape[1]
    run = sentemb.finetune(rows, rows, model=model, max_steps=2, batch_size=4)
    assert (run.steps, run.record["model"]) == (2, "mini-sentemb")
    np.testing.assert_array_equal(model.encode(["a dog", "a car"]), before)
    assert len(model) == len(build_encoder("mini-sentemb"))
    with pytest.raises(UsageError):
        sentemb.export(3, tmp_path / "three", static=True, sts=task)


def test_finetune_without_a_dev_set_splits_one_off(tmp_path):
    rows = [(f"{word} {n}", word) for n in range(20) for word in ("dog", "car", "sea")]
    run = sentemb.finetune(rows, output=tmp_path / "model", epochs=1, batch_size=8)
    assert (run.rows, run.dev_rows) == (54, 6)
    assert run.record["dev"] == "a tenth of <list>"
    train_rows, dev_rows = split_off(as_training_data(rows, LABELLED))
    assert sorted(dev_rows.rows["label"]) == [0, 0, 1, 1, 2, 2]
    texts = {*train_rows.rows["text"], *dev_rows.rows["text"]}
    assert len(texts) == 60
    with pytest.raises(InputError, match="Label 'sky' has one row"):
        sentemb.finetune([*rows, ("sky 1", "sky")], output=tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("rows", "batch"), [(960, 32), (319, 16), (12, 8), (20_000, 512)], ids=str)
def test_the_batch_of_a_recipe_shrinks_to_the_data(rows, batch, caplog):
    texts = [(f"Anchor {n}", f"Positive {n}") for n in range(rows)]
    job = train_job("simcse-sup", texts)
    with caplog.at_level("INFO", "sentemb"):
        data, _ = read(job)
    assert settings_for(job, data).batch_size == batch
    assert (f"batch_size: {batch} instead of 512" in caplog.text) == (batch < 512)
    for asked in (
        train_job("simcse-sup", texts, batch_size=512),
        job.with_value("batch_size", 512),
    ):
        assert settings_for(asked, data).batch_size == 512
    assert settings_for(job.with_value("max_steps", 3), data).batch_size == batch
