"""Pictures of a `datasets.Dataset`, and of tables as `datasets` writes them."""

import io

import numpy as np
import pyarrow.parquet
import pytest

import sentemb
from sentemb.datasets.source import as_source
from sentemb.modalities.captioned import read_captioned, read_signals
from sentemb.modalities.cells import captioned_rows
from sentemb.modalities.towers import TowerConfig
from sentemb.tasks.classify import classify
from sentemb.tasks.index import index
from sentemb.tasks.search import search

datasets = pytest.importorskip("datasets")
Image = pytest.importorskip("PIL.Image", reason="the vision extra is not installed")
SMALL = {"size": 8, "width": 8, "depth": 2, "dim": 12}


def png(number):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (number * 9, 255 - number * 5, number)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def pictures():
    columns = {
        "image": [{"bytes": png(n), "path": None} for n in range(8)],
        "caption": [f"Text number {n}." for n in range(8)],
    }
    return datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())


@pytest.fixture(scope="module")
def model(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip") / "run"
    sentemb.train("clip", pictures, folder, **SMALL, max_steps=1, batch_size=4)
    return str(folder)


def test_a_dataset_of_pictures_is_trained_on_and_encoded(pictures, model, tmp_path):
    encoder = sentemb.load(model)
    encoder.encode_file(pictures, tmp_path / "a.npy", modality="picture")
    expected = encoder.tower().encode([png(n) for n in range(8)])
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), expected, atol=1e-6)
    sentemb.train("simclr-pictures", pictures, **SMALL, max_steps=1, batch_size=4)


@pytest.fixture
def table(tmp_path):
    """Two rows of files, as `Dataset.to_parquet` writes them, and one of bytes."""
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(png(number))
    cells = [{"bytes": None, "path": f"{n}.png"} for n in range(2)]
    rows = [
        {"image": cell, "text": f"Text number {n}.", "label": "ab"[n % 2]}
        for n, cell in enumerate([*cells, {"bytes": png(2), "path": None}])
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def test_a_table_may_mix_files_and_bytes(table, model, tmp_path):
    encoder = sentemb.load(model)
    expected = encoder.tower().encode([png(n) for n in range(3)])
    encoder.encode_file(table, tmp_path / "b.parquet", modality="picture")
    encoded = pyarrow.parquet.read_table(tmp_path / "b.parquet")
    np.testing.assert_allclose(np.stack(encoded["embedding"].to_pylist()), expected, atol=1e-6)
    assert encoded["image"].to_pylist() == ["0.png", "1.png", None]
    made = index(table, tmp_path / "a.index", model, modality="picture")
    assert made.rows["text"].to_pylist() == ["0.png", "1.png", "Text number 2."]
    found = classify(table, ["a cat", "a bus"], model=model, modality="picture")
    assert [row["text"] for row in found.rows] == ["0.png", "1.png", "Text number 2."]
    assert [row["true_label"] for row in found.rows] == ["a", "b", "a"]
    assert len(read_signals(table, TowerConfig(size=8, depth=2)).rows) == 3


def test_an_index_of_pictures_keeps_their_texts(table, model, tmp_path):
    made = index(table, tmp_path / "a.index", model, modality="picture")
    assert made.rows["row_text"].to_pylist() == [f"Text number {n}." for n in range(3)]
    (hit,) = search([f"image:{tmp_path / '1.png'}"], made, k=1)["hits"]
    assert (hit["text"], hit["row_text"]) == ("1.png", "Text number 1.")
    only = [{"image": png(n), "text": str(n)} for n in range(2)]
    named_by_text = index(only, tmp_path / "b.index", model, modality="picture")
    assert named_by_text.rows.column_names == ["text"]


def test_pictures_of_a_hub_data_set_are_read(pictures, monkeypatch):
    monkeypatch.setattr("datasets.load_dataset", lambda name, split: pictures)
    config = TowerConfig(size=8, depth=2)
    assert len(read_captioned("owner/name", [config]).rows) == 8
    assert len(read_signals("owner/name", config).rows) == 8


def test_sounds_of_a_dataset_stay_as_they_are():
    columns = {"audio": [{"bytes": b"RIFF", "path": None}], "text": ["a bird"]}
    sounds = datasets.Dataset.from_dict(columns).cast_column("audio", datasets.Audio())
    (row,) = captioned_rows(as_source(sounds), ["sound"])
    assert row.contents == [b"RIFF"]
