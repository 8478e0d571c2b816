"""Captions by decoders that never saw a picture: a tower in the place of the encoder of texts."""

import json
import shutil

import numpy as np
import pytest

import sentemb
from sentemb.bundled import bundled
from sentemb.decoders import decoding_job, train_decoder
from sentemb.errors import InputError, UsageError
from sentemb.modalities.tower_encoder import TowerEncoder
from tests.decoders.conftest import SHORT
from tests.decoders.test_decode import stopped
from tests.support.clip import save_clip

pytest.importorskip("PIL", reason="the vision extra is not installed")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_clip(tmp_path_factory.mktemp("clip") / "model")


@pytest.fixture(scope="module")
def decoder(model, texts, tmp_path_factory, _tiny_language_models):
    folder = tmp_path_factory.mktemp("decap") / "decoder"
    train_decoder(model, texts, folder, kind="decap", **SHORT)
    return folder


@pytest.fixture
def photos(tmp_path):
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(bundled("pictures.parquet")).to_pylist()[:9]
    (tmp_path / "photos").mkdir()
    for number, row in enumerate(rows):
        (tmp_path / f"photos/{number}.png").write_bytes(row["image"])
    return tmp_path / "photos"


def test_folders_tables_lists_and_vectors_are_captioned_alike(decoder, model, photos, tmp_path):
    found = sentemb.decode(decoder, photos, cosines=True)
    assert [row["source"] for row in found.rows] == [f"{n}.png" for n in range(9)]
    files = sorted(photos.iterdir())
    vectors = sentemb.load(model).tower("picture").encode(files)
    assert found.texts == sentemb.decode(decoder, vectors).texts
    again = sentemb.load(model).encode(found.texts, normalize=True)
    cosines = [row["cosine"] for row in found.rows]
    assert cosines == pytest.approx((again * vectors).sum(axis=1).tolist(), abs=1e-5)
    for file in ("v.npy", "v.safetensors"):
        sentemb.load(model).encode_file(photos, tmp_path / file)
        assert sentemb.decode(decoder, tmp_path / file).texts == found.texts
    assert sentemb.decode(decoder, files, modality="picture").texts == found.texts
    rows = [{"photo": file.read_bytes(), "name": file.stem} for file in files]
    table = sentemb.decode(decoder, rows, modality="picture", column="photo")
    assert table.texts == found.texts
    assert [row["source"] for row in table.rows] == [str(n) for n in range(9)]


def test_a_captioning_that_was_cut_encodes_no_picture_again(decoder, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(decoding_job, "ROWS", 4)
    out = tmp_path / "out.jsonl"
    whole = sentemb.decode(decoder, photos, tmp_path / "whole.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr(decoding_job.DecodingJob, "_commit", stopped)
        with pytest.raises(RuntimeError, match="power cut"):
            sentemb.decode(decoder, photos, out)
    with monkeypatch.context() as patch:
        patch.setattr(TowerEncoder, "of", stopped)
        assert sentemb.decode(decoder, photos, out).rows == whole.rows
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(decoding_job.DecodingJob, "_commit", stopped)
        with pytest.raises(RuntimeError, match="power cut"):
            sentemb.decode(decoder, photos, tmp_path / "changed.jsonl")
    shutil.copy(photos / "1.png", photos / "0.png")
    changed = sentemb.decode(decoder, photos, tmp_path / "changed.jsonl").texts
    assert changed == sentemb.decode(decoder, photos).texts
    left = {path.name for path in tmp_path.iterdir()} - {"photos"}
    assert left == {"out.jsonl", "whole.jsonl", "changed.jsonl"}


def test_what_cannot_be_captioned(decoder, decoders, photos, tmp_path):
    with pytest.raises(InputError, match="'mini-sentemb' reads texts alone, no pictures"):
        sentemb.decode(decoders("prefix"), photos)
    with pytest.raises(InputError, match="reads texts and pictures, no sounds"):
        sentemb.decode(decoder, [b"RIFF"], modality="sound")
    with pytest.raises(UsageError, match="modality is one of picture, sound; got 'smell'"):
        sentemb.decode(decoder, photos, modality="smell")
    with pytest.raises(UsageError, match="`modality` has no effect on vectors"):
        sentemb.decode(decoder, np.ones((1, 12)), modality="picture")
    (photos / "3.png").write_bytes(b"no")
    for output in (None, tmp_path / "out.jsonl"):
        with pytest.raises(InputError, match=r"(?i)row 4\b.*: not a picture"):
            sentemb.decode(decoder, photos, output)
    assert not (tmp_path / "out.jsonl").exists()


def test_the_command_captions(sentemb, decoder, photos, tmp_path):
    done = sentemb("decode", decoder, "photos", "--beams", 2, "-o", "captions.jsonl")
    assert done.returncode == 0, done.stderr.decode()
    rows = [json.loads(line) for line in (tmp_path / "captions.jsonl").read_text().splitlines()]
    assert [row["source"] for row in rows] == [f"{n}.png" for n in range(9)]
    (photos / "3.png").write_bytes(b"no")
    refused = sentemb("decode", decoder, "photos")
    assert (refused.returncode, refused.stdout) == (3, b"")
    assert b"row 4: not a picture" in refused.stderr
    refused = sentemb("decode", decoder, "-", "--modality", "picture")
    assert refused.returncode == 2
    assert b"read by name, not from stdin" in refused.stderr
