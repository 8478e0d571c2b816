"""A folder without sentence-transformers gives the vectors of sentence-transformers."""

import json

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize

from sentemb.bundled import bundled
from sentemb.encoders import POOLINGS, build_encoder, describe
from sentemb.encoders.linear import append_linear
from sentemb.errors import InputError
from sentemb.inference.embedder import Embedder
from sentemb.inference.torch_only import load_encoder, load_plain
from tests.support.tiny import CONFIGS

CUT = {"max_length": 128, "strategy": "LongestFirst", "stride": 0}
PADDED = {
    "strategy": "BatchLongest",
    "pad_to_multiple_of": None,
    "pad_id": 0,
    "pad_type_id": 0,
    "pad_token": "[PAD]",
}


@pytest.fixture
def texts(sentences):
    return ["", "a", *sentences[:9], " ".join(sentences[:40])]


def vectors_of(plain, texts):
    with Embedder(plain) as embedder:
        return torch.from_numpy(embedder.encode(texts))


@pytest.mark.sampled
@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("pooling", [name for name in POOLINGS if name != "mask"])
def test_vectors_are_those_of_sentence_transformers(tmp_path, texts, pooling, normalised):
    encoder = build_encoder("mini", pooling=pooling, device="cpu")
    if normalised:
        encoder.append(Normalize())
    encoder.save_pretrained(str(tmp_path / "model"))
    plain = load_plain(tmp_path / "model")
    assert plain is not None
    other = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    assert plain.max_seq_length == other.max_seq_length
    expected = other.encode(texts, convert_to_tensor=True)
    far = 2e-6 if normalised else 5e-6  # numbers of up to 3
    torch.testing.assert_close(vectors_of(plain, texts), expected, atol=far, rtol=0)


def test_a_linear_map_behind_unit_length(tmp_path, texts):
    encoder = build_encoder("mini", pooling="mean", device="cpu")
    encoder.append(Normalize())
    append_linear(encoder, torch.randn(96, 5), torch.randn(5))
    assert describe(encoder).endswith("Normalize -> Dense -> Normalize")
    encoder.save_pretrained(str(tmp_path / "model"))
    plain = load_plain(tmp_path / "model")
    expected = SentenceTransformer(str(tmp_path / "model")).encode(texts, convert_to_tensor=True)
    torch.testing.assert_close(vectors_of(plain, texts), expected.cpu(), atol=2e-6, rtol=0)


def test_no_map_behind_vectors_that_are_cut():
    encoder = build_encoder("mini", pooling="mean", device="cpu")
    encoder.truncate_dim = 32
    with pytest.raises(InputError, match="cuts its vectors to 32"):
        append_linear(encoder, torch.eye(96), torch.zeros(96))


def test_the_embedded_encoders(texts):
    for name in ("mini", "mini-sentemb"):
        expected = build_encoder(name, device="cpu").encode(texts, convert_to_tensor=True)
        plain = load_plain(bundled(name))
        torch.testing.assert_close(vectors_of(plain, texts), expected, atol=2e-6, rtol=0)


def test_a_folder_of_older_days(minilm, texts):
    plain = load_plain(minilm)
    assert plain.max_seq_length == 256
    expected = SentenceTransformer(str(minilm), device="cpu").encode(texts, convert_to_tensor=True)
    torch.testing.assert_close(vectors_of(plain, texts), expected, atol=2e-6, rtol=0)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config_sentence_transformers.json", {"prompts": {"query": "search: "}}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
        ("sentence_bert_config.json", {"query_length": 32}),
        ("1_Pooling/config.json", {"pooling_mode": "max"}),
        ("tokenizer_config.json", {"padding_side": "left"}),
        ("tokenizer_config.json", {"truncation_side": "left"}),
        ("tokenizer.json", {"truncation": CUT | {"direction": "Left"}}),
        ("tokenizer.json", {"padding": PADDED | {"direction": "Left"}}),
        ("tokenizer_config.json", {"do_lower_case": False}),
        ("config.json", {"hidden_act": "silu"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"auto_map": {"AutoModel": "code.py"}}),
        ("config.json", {"num_hidden_layers": 3}),
        ("config.json", {"num_attention_heads": None}),
        ("config.json", {"layer_norm_eps": None}),
    ],
)
def test_what_needs_more_is_left_to_sentence_transformers(tmp_path, file, change):
    build_encoder("mini", pooling="mean", device="cpu").save_pretrained(str(tmp_path / "model"))
    path = tmp_path / "model" / file
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert load_plain(tmp_path / "model") is None


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("family", "sizes", "left_out", "plain"),
    [
        ("Bert", {}, ["layer_norm_eps"], True),
        ("Bert", {}, ["pad_token_id"], True),
        ("Bert", {"num_attention_heads": 12, "hidden_size": 48}, ["num_attention_heads"], False),
        ("Bert", {}, ["hidden_act", "max_position_embeddings"], False),
        ("Electra", {}, ["layer_norm_eps", "pad_token_id"], True),
        ("Electra", {"embedding_size": 128}, ["embedding_size"], True),
    ],
)
def test_what_a_config_leaves_out(
    build_tiny, tmp_path, texts, monkeypatch, family, sizes, left_out, plain
):
    monkeypatch.setitem(CONFIGS, family, CONFIGS[family] | sizes)
    build_tiny(family).save_pretrained(str(tmp_path / "model"))
    path = tmp_path / "model/config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({key: config[key] for key in config if key not in left_out}))
    found = vectors_of(load_encoder(tmp_path / "model"), texts)
    expected = SentenceTransformer(str(tmp_path / "model")).encode(texts, convert_to_tensor=True)
    torch.testing.assert_close(found, expected.cpu(), atol=1e-5, rtol=0)
    assert (load_plain(tmp_path / "model") is not None) == plain


def test_an_electra(build_tiny, tmp_path, texts):
    encoder = build_tiny("Electra", "cls_before_pooler")
    encoder.save_pretrained(str(tmp_path / "model"))
    found = vectors_of(load_plain(tmp_path / "model"), texts)
    torch.testing.assert_close(
        found, encoder.encode(texts, convert_to_tensor=True), atol=1e-5, rtol=0
    )


def test_modules_of_others_are_left_to_sentence_transformers(tmp_path):
    build_encoder("mini", pooling="mean", device="cpu").save_pretrained(str(tmp_path / "model"))
    path = tmp_path / "model/modules.json"
    path.write_text(path.read_text().replace("sentence_transformers.sentence", "theirs.sentence"))
    assert load_plain(tmp_path / "model") is None
    assert load_plain("no/such/folder") is None
