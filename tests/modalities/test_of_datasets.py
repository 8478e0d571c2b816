"""Pictures of a `datasets.Dataset`, and of tables as `datasets` writes them."""

import io

import numpy as np
import pytest

import sentemb
from sentemb.datasets.source import as_source
from sentemb.modalities.captioned import read_captioned, read_signals
from sentemb.modalities.cells import captioned_rows
from sentemb.modalities.towers import TowerConfig

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
