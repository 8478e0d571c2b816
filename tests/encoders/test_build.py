from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb.bundled import BUNDLED_ENCODERS, bundled
from sentemb.encoders import build_encoder
from sentemb.errors import InputError, UsageError


@pytest.mark.parametrize("name", BUNDLED_ENCODERS)
def test_embedded_encoders_load_in_float32(name):
    encoder = build_encoder(name, device="cpu")
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}


def test_the_embedded_sentence_encoder_loads_in_plain_sentence_transformers(sentences):
    plain = SentenceTransformer(str(bundled("mini-sentemb")), device="cpu")
    ours = build_encoder("mini-sentemb", device="cpu")
    assert abs(plain.encode(sentences[:20]) - ours.encode(sentences[:20])).max() <= 1e-6


def test_embedded_encoders_are_small():
    for name in BUNDLED_ENCODERS:
        files = filter(Path.is_file, bundled(name).rglob("*"))
        assert 0 < sum(file.stat().st_size for file in files) <= 8_000_000


def test_an_unknown_model_names_the_nearest():
    with pytest.raises(InputError, match=r"No model 'mimi'.*Did you mean 'mini'\?"):
        build_encoder("mimi")


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(InputError, match=r"neither modules\.json nor config\.json"):
        build_encoder(tmp_path)


def test_a_damaged_model_is_one_line(tmp_path):
    for file in filter(Path.is_file, bundled("mini").iterdir()):
        (tmp_path / file.name).write_bytes(file.read_bytes()[:1000])
    with pytest.raises(InputError, match="is cut short: 1,000 bytes") as caught:
        build_encoder(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_unknown_pooling_names_the_nearest():
    with pytest.raises(UsageError, match=r"Unknown pooling 'avg_top'.*Did you mean 'avg_top2'\?"):
        build_encoder("mini", pooling="avg_top")
