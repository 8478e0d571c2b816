"""Decoding vectors, texts and midpoints; jobs that go on; privacy; names of clusters."""

import json
import signal

import numpy as np
import pytest

import sentemb
from sentemb.decoders import decoding_job, load_decoder
from sentemb.decoders.decode_options import DecodeOptions
from sentemb.decoders.writing import TextWriter
from sentemb.errors import InputError, InterruptedRunError, LockedError, UsageError
from sentemb.storage import locked
from sentemb.tasks.decode import encoder_of
from sentemb.tasks.privacy import _forms
from tests.decoders.conftest import SHORT


@pytest.fixture
def vectors(texts):
    return sentemb.load("mini-sentemb").encode(texts[:9], normalize=True)


def test_vectors_and_their_texts_give_the_same(decoders, vectors, texts, tmp_path):
    folder = decoders("prefix")
    of_texts = sentemb.decode(folder, texts[:9], cosines=True)
    np.save(tmp_path / "v.npy", 3 * vectors)
    of_file = sentemb.decode(folder, tmp_path / "v.npy")
    assert of_file.texts == of_texts.texts == sentemb.decode(folder, vectors).texts
    assert [row["source"] for row in of_texts.rows] == texts[:9]
    again = sentemb.load("mini-sentemb").encode(of_texts.texts, normalize=True)
    cosines = [row["cosine"] for row in of_texts.rows]
    assert cosines == pytest.approx((again * vectors).sum(axis=1).tolist(), abs=1e-5)
    assert "encoded again" in repr(of_texts)
    assert json.loads(of_texts.to_json())["rows"][8]["row"] == 9


@pytest.mark.parametrize("name", ["text", "file_name"])
def test_vectors_of_a_table_are_decoded_as_those_of_a_file(decoders, vectors, tmp_path, name):
    import pyarrow
    import pyarrow.parquet

    table = {name: [f"{n}.png" for n in range(len(vectors))], "embedding": vectors.tolist()}
    pyarrow.parquet.write_table(pyarrow.table(table), tmp_path / "vectors.parquet")
    model = decoders("prefix")
    found = sentemb.decode(model, tmp_path / "vectors.parquet")
    assert found.texts == sentemb.decode(model, vectors).texts


def test_midpoint(decoders, vectors, texts):
    middle = vectors[0] + vectors[1]
    found = sentemb.decode(decoders("prefix"), midpoint=(texts[0], texts[1]))
    assert found.texts == sentemb.decode(decoders("prefix"), middle).texts
    with pytest.raises(UsageError, match="two texts that are not blank"):
        sentemb.decode(decoders("prefix"), midpoint=("a", " "))


@pytest.mark.long
def test_samples(decoders, vectors):
    folder = decoders("prefix")
    found = sentemb.decode(folder, vectors, samples=3, seed=1)
    assert [row["row"] for row in found.rows] == [row for row in range(1, 10) for _ in range(3)]
    assert found.texts == sentemb.decode(folder, vectors, samples=3, seed=1).texts
    assert found.texts != sentemb.decode(folder, vectors, samples=3, seed=2).texts


def test_beams_are_at_least_as_likely_and_guidance_nearer(decoders, vectors):
    folder = decoders("prefix")
    likely = sentemb.decode(folder, vectors[:3], beams=3, cosines=True)
    guided = sentemb.decode(folder, vectors[:3], beams=3, guidance=5.0, cosines=True)
    assert [row["row"] for row in likely.rows] == [1, 2, 3]
    means = [np.mean([row["cosine"] for row in found.rows]) for found in (likely, guided)]
    assert means[1] >= means[0] - 1e-6


def test_decap_reads_projections(decoders, vectors):
    trained = load_decoder(decoders("decap"))
    projected = trained.memory.project(vectors).astype(np.float32)
    bare = type(trained)(trained.config, trained.model, trained.tokenizer, None, trained.known)
    assert sentemb.decode(trained, vectors).texts == sentemb.decode(bare, projected).texts


@pytest.mark.parametrize("options", [{}, pytest.param({"samples": 2}, marks=pytest.mark.long)])
def test_interrupted_decoding_goes_on(decoders, vectors, tmp_path, monkeypatch, options):
    monkeypatch.setattr(decoding_job, "ROWS", 4)
    folder, out = decoders("prefix"), tmp_path / "out.jsonl"
    whole = sentemb.decode(folder, vectors, tmp_path / "whole.jsonl", **options)
    commit = decoding_job.DecodingJob._commit

    def cut(job, window, *rest):
        commit(job, window, *rest)
        if window == 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(decoding_job.DecodingJob, "_commit", cut)
        with pytest.raises(InterruptedRunError, match="Interrupted after row 8; everything up"):
            sentemb.decode(folder, vectors, out, **options)
    assert not out.exists()
    with pytest.raises(UsageError, match="begun otherwise: beams 1, now 2"):
        sentemb.decode(folder, vectors, out, beams=2)
    with pytest.raises(UsageError, match="Vectors from row 1 on are not those"):
        sentemb.decode(folder, vectors[::-1], out, **options)
    assert sentemb.decode(folder, vectors, out, **options).rows == whole.rows
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"out.jsonl", "whole.jsonl"}
    with pytest.raises(UsageError, match="exists: give another"):
        sentemb.decode(folder, vectors, out)


def test_one_process_writes_a_file(decoders, vectors, tmp_path):
    out = tmp_path / "out.jsonl"
    job = tmp_path / "out.jsonl.parts"
    job.mkdir()
    with locked(job / "lock", out), pytest.raises(LockedError):
        sentemb.decode(decoders("prefix"), vectors, out)
    assert not out.exists()


def test_bad_vectors(decoders, vectors, tmp_path):
    folder = decoders("prefix")
    with pytest.raises(InputError, match="is 9 x 90; the decoder reads vectors of 96 numbers"):
        sentemb.decode(folder, vectors[:, :90])
    for value in (np.nan, np.inf):
        wrong = vectors.copy()
        wrong[4, 3] = value
        with pytest.raises(InputError, match="row 5: the vector has no direction"):
            sentemb.decode(folder, wrong)
    with pytest.raises(InputError, match="row 3: the vector has no direction"):
        sentemb.decode(folder, vectors * (np.arange(9) != 2)[:, None])
    with pytest.raises(InputError, match="holds no vector"):
        sentemb.decode(folder, vectors[:0])
    with pytest.raises(InputError, match="No file"):
        sentemb.decode(folder, tmp_path / "none.npy")
    (tmp_path / "text.npy").write_text("no")
    with pytest.raises(InputError, match="is not a file of vectors"):
        sentemb.decode(folder, tmp_path / "text.npy")


def test_another_encoder_is_refused(decoders):
    trained = load_decoder(decoders("prefix"))
    with pytest.raises(InputError, match="reads vectors of 'mini-sentemb', and 'mini' is another"):
        encoder_of(trained, "it", "mini")


def test_privacy(decoders, texts, tmp_path):
    forms = {"dims": (8, 96), "int8": True, "binary": True, "noise": (0.05,)}
    found = sentemb.privacy(decoders("prefix"), texts[:9], **forms)
    assert [(one.form, one.bits) for one in found.each] == [
        ("as it is", 3072), ("8 dimensions", 256), ("96 dimensions", 3072), ("int8", 800),
        ("binary", 96), ("noise 0.05", 3072), ("of another text", 3072),
    ]  # fmt: skip
    whole, kept = found.each[0], found.each[2]
    assert (whole.f1, whole.cosine) == (kept.f1, kept.cosine)
    assert all(0 <= one.low <= one.f1 <= one.high <= 1 for one in found.each)
    assert "one that is trained on the others reads more" in repr(found)
    with pytest.raises(UsageError, match="dims must be at most 96"):
        sentemb.privacy(decoders("prefix"), texts[:9], dims=[97])
    with pytest.raises(UsageError, match="at least 2 different texts"):
        sentemb.privacy(decoders("prefix"), texts[:1])


def test_the_control_has_each_vector_once_and_none_in_its_place():
    rows = np.arange(40, dtype=np.float32)[:, None]
    (form, _, change), (*_, other) = (list(_forms(1, (), False, False, (), n))[-1] for n in (0, 1))
    found = change(rows)
    assert form == "of another text"
    assert sorted(found.ravel()) == rows.ravel().tolist()
    assert (found != rows).all()
    assert (abs(found - rows) > 4).mean() > 0.5  # five captions of a picture stand together
    np.testing.assert_array_equal(found, change(rows))
    assert (other(rows) != found).any()
    assert change(rows[:2]).ravel().tolist() == [1, 0]


def test_privacy_of_an_encoder(texts, tmp_path, monkeypatch, caplog):
    """A decoder is trained on texts that are not read back; cut, it goes on; twice, it is kept."""
    from sentemb.decoders import run

    caplog.set_level("INFO", "sentemb")
    folder = tmp_path / "own"
    given = {"keep_decoder": folder, **SHORT}

    class Cut(run.DecoderTrainer):
        def _save_checkpoint(self, *args):
            super()._save_checkpoint(*args)
            raise InterruptedRunError("cut", 15)

    with monkeypatch.context() as patch:
        patch.setattr(run, "DecoderTrainer", Cut)
        with pytest.raises(InterruptedRunError, match=r"what was done is in .*own': give the same"):
            sentemb.privacy("mini-sentemb", texts, **given)
    found = sentemb.privacy("mini-sentemb", texts, **given)
    assert (found.rows, found.decoder) == (6, str(folder))
    rest = [text for place, text in enumerate(texts) if place % 10 != 9]
    record = json.loads((folder / "run.json").read_text())
    assert record["rows"] + record["held_out_rows"] == record["data"]["rows"] == len(rest) == 54
    assert f"The decoder that 54 of the texts train is in '{folder}'" in caplog.text
    monkeypatch.setattr(run, "DecoderTrainer", stopped)
    again = sentemb.privacy("mini-sentemb", texts, **given)
    assert again.each == found.each
    assert again.each == sentemb.privacy(folder, texts[9::10]).each
    with pytest.raises(UsageError, match=r"was started otherwise: .*data was"):
        sentemb.privacy("mini-sentemb", texts[1:], **given)
    for wrong, message in (
        ({"dims": [97]}, "dims must be at most 96"),
        ({"model": "mini"}, "model` has no effect with an encoder"),
    ):
        with pytest.raises(UsageError, match=message):
            sentemb.privacy("mini-sentemb", texts, **given, **wrong)
    with pytest.raises(UsageError, match=r"at least 20 different texts, .* got 19"):
        sentemb.privacy("mini-sentemb", [*texts[:19], *texts[:19]])
    with pytest.raises(UsageError, match="keep_decoder` and settings of training have no effect"):
        sentemb.privacy(folder, texts, **SHORT)


@pytest.mark.long
def test_picture_of_privacy(decoders, texts, tmp_path, pictures):
    path = sentemb.privacy(decoders("prefix"), texts[:4], int8=True).plot(tmp_path / "p.png")
    assert path.read_bytes()[:4] == b"\x89PNG"


def test_clusters_are_named_by_what_is_at_their_centres(decoders, texts):
    folder = decoders("prefix")
    found = sentemb.cluster(texts, "mini-sentemb", clusters=3, seeds=0, name_by=folder)
    assert found.names == sentemb.decode(folder, found.centres, beams=5).texts
    with pytest.raises(InputError, match="is another model"):
        sentemb.cluster(texts, "mini", clusters=3, name_by=folder)


def test_an_encoder_that_is_named_is_loaded_on_the_decoders_device(decoders, texts, monkeypatch):
    folder, places = decoders("prefix"), []

    def seen(model, device=None):
        places.append(device)
        return sentemb.load(model, device)

    monkeypatch.setattr("sentemb.tasks.decode.load", seen)
    sentemb.decode(folder, texts[:2], device="cpu")
    sentemb.decode(folder, texts[:2], model=sentemb.load("mini-sentemb"), device="cpu")
    options = {"clusters": 2, "seeds": 0, "name_by": folder, "device": "cpu"}
    sentemb.cluster(texts, "mini-sentemb", **options)
    assert places == ["cpu", None, "cpu"]


def test_texts_are_encoded_once_for_a_decoding_that_was_cut(decoders, texts, tmp_path, monkeypatch):
    monkeypatch.setattr(decoding_job, "ROWS", 4)
    folder, out = decoders("prefix"), tmp_path / "out.jsonl"
    whole = sentemb.decode(folder, texts[:9], tmp_path / "whole.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr(decoding_job.DecodingJob, "_commit", stopped)
        with pytest.raises(RuntimeError, match="power cut"):
            sentemb.decode(folder, texts[:9], out)
    with monkeypatch.context() as patch:
        patch.setattr(sentemb.Encoder, "encode_file", stopped)
        assert sentemb.decode(folder, texts[:9], out).rows == whole.rows
    assert {path.name for path in tmp_path.iterdir()} == {"out.jsonl", "whole.jsonl"}


def stopped(*_, **__):
    raise RuntimeError("power cut")


def test_an_output_that_exists_is_told_of_before_anything_is_encoded(
    decoders, texts, tmp_path, monkeypatch
):
    (tmp_path / "out.jsonl").write_text("mine")
    monkeypatch.setattr(sentemb.Encoder, "encode_file", stopped)
    with pytest.raises(UsageError, match="exists: give another"):
        sentemb.decode(decoders("prefix"), texts[:9], tmp_path / "out.jsonl")


def test_a_text_may_hold_any_separator_of_lines(decoders, vectors, tmp_path, monkeypatch):
    monkeypatch.setattr(TextWriter, "text", lambda self, found: "a\u2028b\x85c")
    out = tmp_path / "out.jsonl"
    assert sentemb.decode(decoders("prefix"), vectors, out).texts == ["a\u2028b\x85c"] * 9


def test_a_decoder_is_not_for_the_hub(decoders):
    with pytest.raises(UsageError, match="is a decoder, which is not loaded from the hub"):
        sentemb.push(decoders("prefix"), "me/decoder", dry_run=True)


def test_seeds_that_are_too_large():
    with pytest.raises(UsageError, match=r"below 2\^32"):
        DecodeOptions(seed=2**32)
