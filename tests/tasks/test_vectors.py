"""Texts with vectors, from every file that `encode` reads and every one that it writes."""

import numpy as np
import pytest

import sentemb
from sentemb.errors import InputError
from sentemb.tasks.vectors import embedded

TEXTS = ["A cat sits.", "A dog runs fast.", "Stocks fell.", "A cat sits."]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("id\ttext\n" + "".join(f"{i}\t{t}\n" for i, t in enumerate(TEXTS)))
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_vectors_of_a_file_are_not_made_again(table, tmp_path, monkeypatch, suffix):
    wanted, written = embedded(table), tmp_path / f"b{suffix}"
    sentemb.load("mini-sentemb").encode_file(table, written, keep_columns=True)
    monkeypatch.setattr("sentemb.tasks.vectors.require_made_by", lambda *_: None)
    monkeypatch.setattr("sentemb.encoder.Encoder.encode", None)
    found = embedded(written)
    assert found.vectors == pytest.approx(wanted.vectors, abs=1e-6)
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(1)
    assert (found.texts, found.model) == (TEXTS, "mini-sentemb")
    assert list(map(str, found.columns["id"])) == ["0", "1", "2", "3"]
    assert set(found.columns) == {"id"}


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_vectors_alone_come_beside_their_texts(table, tmp_path, suffix):
    written = tmp_path / f"b{suffix}"
    sentemb.load("mini-sentemb").encode_file(table, written)
    assert embedded(table, vectors=written).vectors == pytest.approx(embedded(table).vectors)
    with pytest.raises(InputError, match="holds vectors alone: give the file of their texts"):
        embedded(written)


def test_first_numbers_of_vectors_are_the_models_too(table, tmp_path):
    sentemb.load("mini-sentemb").encode_file(table, tmp_path / "b.npy", dims=8)
    assert embedded(table, vectors=tmp_path / "b.npy").vectors.shape == (4, 8)


def test_vectors_of_another_model_are_refused_by_name():
    with pytest.raises(InputError, match=r"of model 'mini-sentemb': the vector of row \d"):
        embedded(TEXTS, vectors=np.random.default_rng(0).normal(size=(4, 8)))
    with pytest.raises(InputError, match="have 5000 numbers, those of model 'mini-sentemb'"):
        embedded(TEXTS, vectors=np.ones((4, 5000)))


@pytest.mark.parametrize(
    ("data", "vectors", "message"),
    [
        (["a", " "], None, "data, row 2 is blank"),
        (["a"], np.ones((2, 3)), "vectors is 2 x 3; data has 1 rows"),
        (["a"], "absent.npy", "No file 'absent.npy'"),
        (["a"], "absent.txt", "is not a file of vectors: give a .npy or .safetensors"),
        ([{"text": "a", "embedding": "[1, x"}], None, "row 1: column 'embedding' holds no vector"),
        (
            [{"text": "a", "embedding": [1, 2]}, {"text": "b", "embedding": [1]}],
            None,
            "row 2: column 'embedding' holds no vector of numbers, or one of another width",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_row(data, vectors, message):
    with pytest.raises(InputError, match=message):
        embedded(data, vectors=vectors)


def test_a_vector_without_direction_is_refused(table, tmp_path):
    encoder = sentemb.load("mini-sentemb")
    vectors = encoder.encode(TEXTS)
    vectors[1] = 0
    with pytest.raises(InputError, match=r"row 2|cosine of 0\.00"):
        embedded(TEXTS, vectors=vectors)


def test_what_is_embedded_stays_as_it_is():
    found = embedded(TEXTS)
    assert embedded(found) is found
    assert repr(found).startswith("Embedded(4 texts of data, ")
