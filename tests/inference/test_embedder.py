"""Many texts with one encoder: the vectors of sentence-transformers, whatever the order."""

import logging
import threading

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

from sentemb.encoders import without_padding
from sentemb.errors import UsageError
from sentemb.inference.embedder import BATCH_TOKENS, Embedder
from sentemb.inference.plain import load_encoder
from sentemb.inference.tokens import by_tokens


@pytest.fixture
def texts(sentences):
    return ["", *sentences[:200], sentences[3], " ".join(sentences[:60])]


@pytest.mark.parametrize("batch_tokens", [None, 1, 100])
def test_vectors_are_those_of_sentence_transformers(mini, texts, batch_tokens):
    expected = mini.encode(texts)
    with Embedder(mini, batch_tokens) as embedder:
        assert embedder.takes_tokens
        found = embedder.encode(texts)
        again = embedder.encode(texts[:3])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(again, expected[:3], atol=1e-5)
    np.testing.assert_array_equal(found[4], found[-2])


@pytest.mark.parametrize("family", ["XLMRoberta", "MPNet", "DistilBert", "ModernBert", "T5"])
@pytest.mark.parametrize("pooling", ["mean", "cls_before_pooler"])
def test_other_families(build_tiny, texts, family, pooling):
    encoder = build_tiny(family, pooling)
    with Embedder(encoder) as embedder:
        found = embedder.encode(texts[:30])
    np.testing.assert_allclose(found, encoder.encode(texts[:30]), atol=1e-4)


def test_an_encoder_with_a_prompt_embeds_by_itself(mini, texts):
    mini.prompts, mini.default_prompt_name = {"query": "a search for "}, "query"
    with Embedder(mini) as embedder:
        assert not embedder.takes_tokens
        found = embedder.encode(texts[:9])
    np.testing.assert_allclose(found, mini.encode(texts[:9]), atol=1e-5)


def test_an_encoder_of_static_embeddings(mini, texts):
    static = SentenceTransformer(
        modules=[StaticEmbedding(mini.tokenizer.backend_tokenizer, embedding_dim=16)], device="cpu"
    )
    with Embedder(static) as embedder:
        found = embedder.encode(texts[:9])
    np.testing.assert_allclose(found, static.encode(texts[:9]), atol=1e-6)


def test_where_vectors_would_differ_padding_stays(mini, texts, monkeypatch, caplog):
    monkeypatch.setattr(without_padding, "TOLERANCE", -1.0)
    with caplog.at_level(logging.WARNING, "sentemb"), Embedder(mini) as embedder:
        found = embedder.encode(texts)
    assert "BertModel runs with padding: without, its vectors differ" in caplog.text
    np.testing.assert_allclose(found, mini.encode(texts), atol=1e-5)


def test_an_encoder_is_left_as_it_was(mini, texts):
    threads = torch.get_num_threads()
    mini.train()
    hooks = len(mini[0].auto_model.encoder._forward_hooks)
    with Embedder(mini) as embedder:
        embedder.encode(texts)
        assert len(mini[0].auto_model.encoder._forward_hooks) > hooks
    assert len(mini[0].auto_model.encoder._forward_hooks) == hooks
    assert mini.training
    assert torch.get_num_threads() == threads
    assert mini[0].auto_model.config._attn_implementation == "sdpa"


def test_half_precision_is_near(mini, texts):
    with Embedder(mini, precision="bf16") as embedder:
        found = embedder.encode(texts[:40])
    exact = mini.encode(texts[:40])
    assert found.dtype == np.float32
    error = np.linalg.norm(found - exact) / np.linalg.norm(exact)
    assert 1e-4 < error < 3e-2
    with pytest.raises(UsageError, match="precision must be one of fp32, fp16, bf16; got 'int8'"):
        Embedder(mini, precision="int8")


def test_every_core_has_a_thread(mini, texts, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    seen, everyone = set(), threading.Barrier(3, timeout=60)

    def forward(_module, _features):
        if len(seen) < 3:
            seen.add(threading.get_ident())
            everyone.wait()

    with Embedder(mini, batch_tokens=100) as embedder:
        embedder.encode(texts[:3])
        mini.register_forward_pre_hook(forward)
        embedder.encode(texts)
    assert len(seen) == 3


def test_rows_are_cut_by_tokens():
    lengths = [3, 700, 3, 5, 8, 2000]
    batches = list(by_tokens(lengths, 1024))
    assert [[lengths[row] for row in batch] for batch in batches] == [[2000], [700], [8, 5, 3, 3]]


def test_padding_is_below_two_in_a_hundred(shared):
    import gzip

    with gzip.open(shared("unlabelled/wiki_sents.txt.gz"), "rt", encoding="utf-8") as file:
        texts = [next(file) for _ in range(8192)]
    with Embedder(load_encoder("mini")) as embedder:
        lengths = [len(ids) for ids in embedder.tokenise(texts).ids]
    padded = sum(
        len(batch) * max(lengths[row] for row in batch)
        for batch in by_tokens(lengths, BATCH_TOKENS["cpu"])
    )
    assert padded / sum(lengths) <= 1.02
