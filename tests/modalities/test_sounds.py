"""Sounds: the log-mel that the books define, and what is refused."""

import io
import math

import numpy as np
import pytest

import sentemb
from sentemb.datasets.source import as_source
from sentemb.errors import InputError
from sentemb.modalities.captioned import read_signals
from sentemb.modalities.readers import read_signal
from sentemb.modalities.sound_files import BANDS, RATE, SILENCE, fitted, mel_of, stored
from sentemb.modalities.towers import Tower, TowerConfig

CONFIG = TowerConfig("sound", size=32, depth=1)
SECOND = np.sin(2 * math.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)


def written(samples, rate=RATE, kind="WAV"):
    soundfile = pytest.importorskip("soundfile", reason="the audio extra is not installed")
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind)
    return file.getvalue()


def test_a_tone_is_loudest_in_its_band():
    mel = mel_of(SECOND)
    assert mel.shape == (BANDS, 1 + (RATE - 640) // 320)
    centres = np.linspace(*(2595 * math.log10(1 + hertz / 700) for hertz in (50, 7600)), BANDS + 2)
    nearest = np.abs(700 * (10 ** (centres[1:-1] / 2595) - 1) - 1000).argmin()
    assert mel.astype(float).mean(axis=1).argmax() == nearest
    assert np.array_equal(mel * 8, np.round(mel * 8))


def test_silent_ends_are_cut_and_loudness_makes_no_difference():
    quiet = np.concatenate([np.zeros(8000, np.float32), SECOND / 100, np.zeros(8000, np.float32)])
    assert abs(mel_of(quiet).shape[1] - mel_of(SECOND).shape[1]) <= 2
    assert np.array_equal(mel_of(SECOND), mel_of(SECOND / 4))


def test_a_log_mel_is_cut_or_followed_by_silence():
    mel = mel_of(SECOND)
    assert fitted(mel, 10).shape == (BANDS, 10)
    longer = fitted(mel, 100)
    assert np.array_equal(longer[:, : mel.shape[1]], mel)
    assert longer[:, -1].astype(float) == pytest.approx(np.full(BANDS, SILENCE), abs=0.01)


def test_sounds_that_are_cut_are_counted(tmp_path, monkeypatch, caplog):
    Tower(CONFIG).save(tmp_path / "model" / "sound", 20.0)
    long, short = mel_of(SECOND).tobytes(), mel_of(SECOND[: RATE // 4]).tobytes()
    rows = [{"sound": each, "id": str(n)} for n, each in enumerate([long, short, long])]
    encoder = sentemb.load(tmp_path / "model")
    found = encoder.encode_file(rows, tmp_path / "a.npy", modality="sound")
    assert found.truncated_rows == 2
    assert "2 truncated: a.npy" in found.lines("a.npy")[0]
    encoder.tower("sound").of_source(as_source(rows))
    read_signals(as_source(rows), CONFIG)
    assert caplog.text.count("longer than 0.64 s, all that the tower hears, were cut: 2. ") == 3
    cut = []
    monkeypatch.setattr("sentemb.modalities.sound_files.LONGEST", RATE // 4)
    for sound in (SECOND, SECOND[: RATE // 4]):
        read_signal(written(sound), CONFIG, cut)
    assert cut == [True, False]


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_files_and_stored_log_mels_are_the_same(kind, tmp_path):
    content = written(SECOND, kind=kind)
    (tmp_path / f"a.{kind.lower()}").write_bytes(content)
    of_bytes = read_signal(content, CONFIG)
    assert np.array_equal(of_bytes, read_signal(tmp_path / f"a.{kind.lower()}", CONFIG))
    of_stored = read_signal(mel_of(SECOND).tobytes(), CONFIG)
    loud = of_stored.astype(float) > -5  # 16 bits a sample have a noise of their own
    assert loud.any()
    assert np.abs(of_bytes.astype(float) - of_stored.astype(float))[loud].max() <= 0.125


def test_the_stored_speech_is_what_the_books_say(shared):
    import pyarrow.parquet

    path = shared("multimodal/speech/emoji_names_en.parquet")
    row = pyarrow.parquet.read_table(path, columns=["logmel", "frames"]).slice(0, 1).to_pylist()[0]
    assert stored(row["logmel"]).shape == (BANDS, row["frames"])


@pytest.mark.parametrize(
    ("samples", "rate", "words"),
    [
        (SECOND[::2], RATE // 2, "8,000 samples a second"),
        (np.stack([SECOND, SECOND], axis=1), RATE, "2 channels"),
        (np.zeros(RATE, np.float32), RATE, "nothing but silence"),
    ],
)
def test_what_cannot_be_heard_says_why(samples, rate, words):
    with pytest.raises(InputError, match=words):
        read_signal(written(samples, rate), CONFIG)


def test_what_is_no_sound_is_refused():
    pytest.importorskip("soundfile", reason="the audio extra is not installed")
    with pytest.raises(InputError, match=r"damaged one \([^<]*\)$"):
        read_signal(b"RIFF and nothing behind it", CONFIG)
    with pytest.raises(InputError, match="neither a log-mel"):
        read_signal(b"nothing", CONFIG)
    with pytest.raises(InputError, match="silence"):
        read_signal(np.full(BANDS * 4, SILENCE, np.float16).tobytes(), CONFIG)
    with pytest.raises(InputError, match="cannot read"):
        read_signal("none.wav", CONFIG)
