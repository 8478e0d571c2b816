"""Without padding the vectors, and the gradients, are those of the stock forward."""

from itertools import pairwise

import pytest
import torch

from sentemb import View
from sentemb.encoders import embed
from sentemb.encoders.packed import STACKS, can_be_packed, packed
from sentemb.encoders.packed_attention import attend, attend_near, outside
from sentemb.encoders.packed_attention_cuda import attend_padded, attend_varlen
from sentemb.encoders.packing import Packing
from sentemb.training.collator import Collator
from sentemb.views import FeatureCutoff, TokenShuffle
from tests.support.helpers import numbered, without_dropout

FAMILIES = [
    "Bert",
    "Roberta",
    "XLMRoberta",
    "Camembert",
    "MPNet",
    "Electra",
    "Albert",
    "DistilBert",
    "ModernBert",
]
POOLINGS = ["mean", "cls_before_pooler", "avg_first_last"]


@pytest.fixture
def texts(sentences):
    return ["", "a", *sentences[:9], " ".join(sentences[:40])]


def features(encoder, texts):
    return {name: x for name, x in encoder.preprocess(texts).items() if torch.is_tensor(x)}


def vectors(encoder, batch):
    return encoder(dict(batch))["sentence_embedding"]


def first_only(pooling):
    return pooling == "cls_before_pooler"


def test_a_batch_is_packed_and_spread_again():
    mask = torch.tensor([[1, 1, 0], [1, 1, 1], [1, 0, 0], [1, 1, 0]])
    packing = Packing.of(mask)
    assert packing.runs == ((1, 1), (2, 2), (1, 3))
    assert packing.first.tolist() == [0, 1, 3, 5]
    padded = torch.randn(4, 3, 5) * mask.unsqueeze(2)
    assert packing.pack(padded).shape == (1, 8, 5)
    assert torch.equal(packing.unpack(packing.pack(padded)), padded)
    firsts = packing.unpack(packing.pack(padded)[:, packing.first])
    assert torch.equal(firsts[:, 0], padded[:, 0])
    assert not firsts[:, 1:].any()
    with pytest.raises(ValueError, match="a row has no token"):
        Packing.of(mask * 0)


@pytest.mark.sampled
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_are_the_stock_forwards(build_tiny, texts, family, pooling):
    encoder = build_tiny(family, pooling).eval()
    model = encoder[0].auto_model
    assert can_be_packed(model)
    batch = features(encoder, texts)
    assert batch["input_ids"].shape[1] > 100
    with torch.no_grad():
        stock = vectors(encoder, batch)
        with packed(model, first_only=first_only(pooling)):
            ours = vectors(encoder, batch)
        assert torch.equal(vectors(encoder, batch), stock)  # the hooks are gone
    torch.testing.assert_close(ours, stock, atol=1e-5, rtol=0)
    assert float((stock[1:] - stock[:1]).abs().max()) > 0.01


@pytest.mark.sampled
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_are_the_stock_forwards(build_tiny, texts, family, pooling):
    encoder = without_dropout(build_tiny(family, pooling)).double().train()
    batch = features(encoder, texts)
    target = torch.randn_like(vectors(encoder, batch))
    found = []
    for without_padding in (False, True):
        encoder.zero_grad()
        if without_padding:
            with packed(encoder[0].auto_model, first_only=first_only(pooling)):
                (vectors(encoder, batch) * target).sum().backward()
        else:
            (vectors(encoder, batch) * target).sum().backward()
        found.append({name: p.grad for name, p in encoder.named_parameters()})
    stock, ours = found
    largest = max(float(g.abs().max()) for g in stock.values() if g is not None)
    for name, gradient in stock.items():
        if gradient is None:
            assert ours[name] is None or not ours[name].any(), name
            continue
        torch.testing.assert_close(ours[name], gradient, atol=1e-10 * largest, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_under_autocast(build_tiny, texts, family):
    encoder = build_tiny(family).eval()
    batch = features(encoder, texts)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        stock = vectors(encoder, batch).float()
        with packed(encoder[0].auto_model):
            ours = vectors(encoder, batch).float()
    with torch.no_grad():
        exact = vectors(encoder, batch)
    error = (stock - exact).norm() / exact.norm()
    assert (ours - exact).norm() / exact.norm() < 1.5 * error + 1e-6


@pytest.mark.parametrize("length", [1, 2, 5, 64, 128])
def test_every_length(build_tiny, length):
    encoder = build_tiny("Bert").eval()
    ids = torch.randint(5, 8000, (4, length), generator=torch.Generator().manual_seed(0))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    batch["attention_mask"][1, length // 2 + 1 :] = 0
    with torch.no_grad():
        stock = vectors(encoder, batch)
        with packed(encoder[0].auto_model):
            torch.testing.assert_close(vectors(encoder, batch), stock, atol=1e-5, rtol=0)


def test_local_and_global_layers_are_both_there(build_tiny):
    model = build_tiny("ModernBert")[0].auto_model
    kinds = model.config.layer_types
    assert {"full_attention", "sliding_attention"} == set(kinds)
    assert model.config.sliding_window == 4


@pytest.mark.parametrize(("length", "reach"), [(1, 0), (7, 0), (9, 2), (12, 3), (5, 9)])
def test_near_tokens_alone_are_attended_to(length, reach):
    q, k, v = torch.randn(3, 2, 2, length, 4, dtype=torch.float64)
    places = torch.arange(length)
    band = (places[:, None] - places).abs() <= reach
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, band)
    torch.testing.assert_close(attend_near(q, k, v, reach), expected, atol=1e-12, rtol=0)
    bias = outside(length, reach, q.device)[0]
    assert torch.equal(bias == 0, band)
    packing = Packing.of(torch.ones(2, length))
    flat = (x.transpose(0, 1).flatten(1, 2) for x in (q, k, v))
    found = attend(*flat, packing, reach=reach).unflatten(0, (2, length)).transpose(1, 2)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    flat = (x.transpose(0, 1).flatten(1, 2) for x in (q, k, v))
    padded = attend_padded(*flat, packing, 0.0, None, outside(length, reach, q.device))
    padded = padded.unflatten(0, (2, length)).transpose(1, 2)
    torch.testing.assert_close(padded, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("family", ["Bert", "MPNet", "DistilBert", "ModernBert"])
@pytest.mark.parametrize("view", [View(perturb=FeatureCutoff(0.3)), View(order=TokenShuffle())])
def test_views_reach_it_alike(build_tiny, sentences, family, view):
    encoder = build_tiny(family).eval()
    rows = numbered({"text": text} for text in [*sentences[:6], "a"])
    batch = Collator(encoder, (View(), view), 32, 0)(rows)["views"]
    with torch.no_grad():
        stock = embed(encoder, batch, (View(), view))
        with packed(encoder[0].auto_model):
            ours = embed(encoder, batch, (View(), view))
    torch.testing.assert_close(ours, stock, atol=1e-5, rtol=0)


@pytest.mark.wide
def test_dropout_drops_as_often(build_tiny, texts):
    encoder = build_tiny("Bert").train()
    batch = features(encoder, texts[:6])
    torch.manual_seed(0)
    with torch.no_grad(), packed(encoder[0].auto_model):
        draws = torch.stack([vectors(encoder, batch) for _ in range(300)])
    with torch.no_grad():
        stock = torch.stack([vectors(encoder, batch) for _ in range(300)])
    assert float(draws.std(0).mean()) == pytest.approx(float(stock.std(0).mean()), rel=0.05)
    torch.testing.assert_close(draws.mean(0), stock.mean(0), atol=0.12, rtol=0)


@pytest.fixture
def heads():
    """Queries, keys, values and a bias of positions, of sentences of 3, 1 and 2 tokens."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(3, 2, 6, 4, generator=generator, dtype=torch.float64)
    bias = torch.randn(2, 3, 3, generator=generator, dtype=torch.float64)
    mask = torch.tensor([[1, 1, 1], [1, 0, 0], [1, 1, 0]])
    return q, k, v, bias, Packing.of(mask)


@pytest.mark.parametrize("with_bias", [False, True])
def test_attention_is_softmax_within_each_sentence(heads, with_bias):
    q, k, v, bias, packing = heads
    bias = bias if with_bias else None
    expected = []
    for start, stop in [(0, 1), (1, 3), (3, 6)]:
        scores = q[:, start:stop] @ k[:, start:stop].transpose(1, 2) * 0.3
        if bias is not None:
            scores = scores + bias[:, : stop - start, : stop - start]
        expected.append((scores.softmax(-1) @ v[:, start:stop]).transpose(0, 1))
    expected = torch.cat(expected)
    found = attend(q, k, v, packing, scaling=0.3, bias=bias)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)
    padded = attend_padded(q, k, v, packing, 0.0, 0.3, bias)
    torch.testing.assert_close(padded, expected, atol=1e-12, rtol=0)


def test_what_a_gpu_is_asked_for_in_half_precision(heads, monkeypatch):
    """No GPU here: torch's own attention is stood in for by the loop of its documentation."""
    q, k, v, _, packing = heads

    def reference(q, k, v, cu_q, cu_k, max_q, max_k, *, scale):
        assert cu_q.dtype == torch.int32
        assert cu_q.tolist() == cu_k.tolist() == [0, 1, 3, 6]
        assert (max_q, max_k) == (3, 3)
        assert q.is_contiguous()
        parts = []
        for start, stop in pairwise(cu_q.tolist()):
            a, b, c = (x[start:stop].transpose(0, 1) for x in (q, k, v))
            parts.append(((a @ b.transpose(1, 2) * scale).softmax(-1) @ c).transpose(0, 1))
        return torch.cat(parts)

    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", reference)
    found = attend_varlen(q, k, v, packing, 0.3)
    torch.testing.assert_close(found, attend(q, k, v, packing, scaling=0.3))


@pytest.mark.parametrize("family", ["DebertaV2", "T5"])
def test_other_families_are_not_packed(build_tiny, family):
    assert not can_be_packed(build_tiny(family)[0].auto_model)


def test_every_family_said_to_be_packed_is_tested():
    assert {name.replace("-", "") for name in STACKS} == {name.lower() for name in FAMILIES}
