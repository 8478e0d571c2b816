"""Decoders as encoders: the last token on either side, a mask in both directions."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling

from sentemb import build_encoder, train
from sentemb.encoders import Lora, make_bidirectional
from sentemb.errors import UsageError
from sentemb.methods import method_named
from tests.support import zoo
from tests.support.encoders import mini

FAMILIES = ["qwen2", pytest.param("llama", marks=pytest.mark.long),
            pytest.param("gpt2", marks=pytest.mark.long)]  # fmt: skip


@pytest.fixture
def folder(request, tmp_path):
    getattr(zoo, request.param)(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("masks", "places"),
    [
        ([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]], [2, 3, 0]),
        ([[0, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 1]], [3, 3, 3]),
    ],
)
def test_the_last_token_of_either_side(masks, places):
    states = torch.randn(3, 4, 5)
    features = {"token_embeddings": states, "attention_mask": torch.tensor(masks)}
    pooled = Pooling(5, "lasttoken")(features)["sentence_embedding"]
    assert torch.equal(pooled, states[range(3), places])


@pytest.mark.parametrize("folder", FAMILIES, indirect=True)
@pytest.mark.parametrize("pooling", ["lasttoken", "weightedmean", "mean"])
def test_both_directions_are_saved_and_no_padding_is_seen(folder, pooling, tmp_path, sentences):
    texts = sentences[:6]
    encoder = build_encoder(folder, pooling=pooling, device="cpu").eval()
    causal = encoder.encode(texts)
    make_bidirectional(encoder)
    found = encoder.encode(texts)
    assert abs(found - causal).max() > 0.01
    one_by_one = np.stack([encoder.encode(text) for text in texts])
    np.testing.assert_allclose(one_by_one, found, atol=1e-5)
    encoder.save_pretrained(str(tmp_path / "saved"))
    plain = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    np.testing.assert_allclose(plain.encode(texts), found, atol=1e-6)
    again = build_encoder(tmp_path / "saved", device="cpu")
    np.testing.assert_allclose(again.encode(texts), found, atol=1e-6)


def test_where_it_cannot_be(monkeypatch, tmp_path):
    with pytest.raises(UsageError, match="reads in both directions already"):
        make_bidirectional(mini())
    zoo.qwen2(tmp_path / "model")
    encoder = build_encoder(tmp_path / "model", pooling="lasttoken", device="cpu")
    monkeypatch.setattr("sentemb.encoders.bidirectional._sees_what_follows", lambda _: False)
    with pytest.raises(UsageError, match=r"\(qwen2\) keeps its causal mask"):
        make_bidirectional(encoder)
    assert getattr(encoder[0].auto_model.config, "is_causal", True)


def test_a_decoder_is_trained_as_in_llm2vec(tmp_path, sentences):
    zoo.qwen2(tmp_path / "model")
    run = train(
        "simcse-unsup",
        sentences[:16],
        tmp_path / "run",
        model=tmp_path / "model",
        pooling="mean",
        bidirectional=True,
        lora=Lora(2),
        batch_size=8,
        max_steps=1,
        gradient_checkpointing=True,
    )
    assert run.record["config"]["bidirectional"] is True
    plain = SentenceTransformer(str(run.output), device="cpu")
    assert plain[0].auto_model.config.is_causal is False
    expected = run.model.eval().encode(sentences[:4])
    np.testing.assert_allclose(plain.encode(sentences[:4]), expected, atol=1e-5)
    with pytest.raises(UsageError, match="reads in both directions already"):
        method_named("simcse-unsup", "mini", bidirectional=True)
