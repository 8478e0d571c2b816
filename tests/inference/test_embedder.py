"""Many texts with one encoder: the vectors of sentence-transformers, whatever the order."""

import json
import logging
import threading

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer

from sentemb.encoders import build_encoder, without_padding
from sentemb.encoders.truncating import truncating
from sentemb.errors import UsageError
from sentemb.inference.batches import USUAL, by_tokens, tokens_that_fit
from sentemb.inference.embedder import Embedder, usual_tokens, widest_layer
from sentemb.inference.torch_only import load_encoder
from tests.support.tiny import CONFIGS


@pytest.fixture
def texts(sentences):
    return ["", *sentences[:200], sentences[3], " ".join(sentences[:60])]


@pytest.mark.sampled
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


@pytest.mark.sampled
@pytest.mark.parametrize("family", ["XLMRoberta", "MPNet", "DistilBert", "ModernBert", "T5"])
@pytest.mark.parametrize("pooling", ["mean", "cls_before_pooler"])
def test_other_families(build_tiny, texts, family, pooling):
    encoder = build_tiny(family, pooling)
    with Embedder(encoder) as embedder:
        found = embedder.encode(texts[:30])
    np.testing.assert_allclose(found, encoder.encode(texts[:30]), atol=1e-4)


@pytest.mark.sampled
@pytest.mark.parametrize("said_by", ["tokenizer_config.json", "tokenizer.json"])
@pytest.mark.parametrize("name", ["mini", "mini-sentemb"])
def test_texts_are_cut_on_the_tokenizer_s_side(tmp_path, texts, name, said_by):
    build_encoder(name, device="cpu").save_pretrained(str(tmp_path))
    settings = json.loads((tmp_path / said_by).read_text())
    if said_by == "tokenizer.json":
        cut = {"max_length": 128, "strategy": "LongestFirst", "stride": 0}
        settings["truncation"] = cut | {"direction": "Left"}
    else:
        settings["truncation_side"] = "left"
    (tmp_path / said_by).write_text(json.dumps(settings))
    stock = SentenceTransformer(str(tmp_path), device="cpu")
    with Embedder(load_encoder(tmp_path)) as embedder:
        assert embedder.takes_tokens
        found = embedder.encode(texts)
    np.testing.assert_allclose(found, stock.encode(texts), atol=1e-5)


def test_a_bare_tokenizer_keeps_its_side(mini):
    tokenizer = Tokenizer.from_str(mini.tokenizer.backend_tokenizer.to_str())
    cls, *words, sep = tokenizer.encode("one two three").ids
    tokenizer.enable_truncation(9, direction="right")
    assert truncating(tokenizer, 4).encode("one two three").ids == [cls, *words[:2], sep]
    tokenizer.enable_truncation(9, direction="left")
    assert truncating(tokenizer, 4).encode("one two three").ids == [cls, *words[-2:], sep]


@pytest.mark.parametrize(
    ("part", "change", "reason"),
    [
        (lambda e: e, {"truncate_dim": 64}, "it cuts its vectors"),
        (
            lambda e: e[0],
            {"processing_kwargs": {"text": {"max_length": 20}}},
            "its tokens are not its tokenizer's",
        ),
    ],
)
def test_the_log_says_why_an_encoder_embeds_by_itself(mini, texts, caplog, part, change, reason):
    mini.prompts = {"query": "a search for "}
    for name, value in change.items():
        setattr(part(mini), name, value)
    with caplog.at_level(logging.INFO, "sentemb"), Embedder(mini) as embedder:
        assert not embedder.takes_tokens
        found = embedder.encode(texts[-2:])
    assert caplog.messages == [f"BertModel runs with padding: {reason}."]
    np.testing.assert_allclose(found, mini.encode(texts[-2:]), atol=1e-5)


@pytest.mark.sampled
@pytest.mark.parametrize("family", ["DebertaV2", "T5", "GPT2"])
def test_encode_says_that_a_family_runs_with_padding(
    build_tiny, tmp_path, sentemb, monkeypatch, family
):
    gpt = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 140, "vocab_size": 8192}
    monkeypatch.setitem(CONFIGS, "GPT2", gpt)
    encoder = build_tiny(family)
    encoder.save_pretrained(str(tmp_path / "model"))
    (tmp_path / "a.txt").write_text("A man is playing the guitar.\nTwo words.\n")
    process = sentemb("encode", "a.txt", "--model", "model")
    name = type(encoder[0].auto_model).__name__
    said = f"{name} runs with padding: its family is not packed.\n"
    assert process.returncode == 0
    assert process.stderr.decode().count(said) == 1


@pytest.mark.parametrize("name", ["mini", "mini-sentemb"])
def test_encoders_that_take_tokens_say_nothing(tmp_path, caplog, name):
    with caplog.at_level(logging.INFO, "sentemb"):
        for encoder in (load_encoder(name), build_encoder(name, device="cpu")):
            with Embedder(encoder) as embedder:
                embedder.encode(["two words"])
    assert not caplog.messages


def test_an_encoder_of_static_embeddings_has_no_padding(mini, texts, caplog):
    static = SentenceTransformer(
        modules=[StaticEmbedding(mini.tokenizer.backend_tokenizer, embedding_dim=16)], device="cpu"
    )
    with caplog.at_level(logging.INFO, "sentemb"), Embedder(static) as embedder:
        found = embedder.encode(texts[:9])
    assert not caplog.messages
    np.testing.assert_allclose(found, static.encode(texts[:9]), atol=5e-6)


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
        len(batch) * max(lengths[row] for row in batch) for batch in by_tokens(lengths, USUAL)
    )
    assert padded / sum(lengths) <= 1.02


@pytest.mark.parametrize(
    ("free", "width", "itemsize", "tokens"),
    [
        (70 * 2**30, 1536, 2, 262_144),  # more gains nothing
        (10 * 2**30, 3072, 2, 65_536),
        (10 * 2**30, 3072, 4, 32_768),
        (2**28, 4096, 4, 4_096),  # less is left to halving
        (0, 3072, 4, 4_096),
    ],
)
def test_tokens_of_a_forward_follow_a_gpus_free_memory(free, width, itemsize, tokens):
    assert tokens_that_fit(free, width, itemsize) == tokens


def test_the_widest_layer_is_the_feed_forward_one(mini):
    assert widest_layer(mini) == 128
    assert widest_layer(load_encoder("mini", "cpu")) == 128
    assert Embedder(mini).batch_tokens == USUAL


def test_a_gpus_memory_is_asked_for(mini, monkeypatch):
    """Free, and kept by torch for what is next."""
    gib = 2**30
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (gib, 80 * gib))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 4 * gib)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: gib)
    monkeypatch.setattr(type(mini), "device", torch.device("cuda"))
    assert usual_tokens(mini, torch.float32) == tokens_that_fit(4 * gib, 128, 4)
