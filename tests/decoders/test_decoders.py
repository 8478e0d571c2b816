"""Formulas of decoders against the values that were computed for them."""

import math

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from sentemb.decoders import KINDS, Memory, VectorDecoder
from sentemb.decoders.kinds import with_noise
from sentemb.decoders.memory import fitted_temperature
from sentemb.errors import InputError
from sentemb.functional import next_token_loss


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def logits():
    b, t, v = np.meshgrid(np.arange(2), np.arange(4), np.arange(7), indexing="ij")
    return torch.from_numpy(2 * np.sin((b + 1.0) * (t + 1) * (v + 1)))


IDS = torch.tensor([[1, 5, 2, 0], [1, 3, 6, 2]])
LABELS = torch.where(IDS == 0, -100, IDS)


def test_loss_of_captions(logits):
    assert next_token_loss(logits, LABELS[:, 1:]).item() == pytest.approx(2.5015596334, abs=1e-10)


def test_shift_and_padding_against_a_loop(logits):
    terms = [
        -torch.log_softmax(logits[row, place - 1], 0)[IDS[row, place]]
        for row in range(2)
        for place in range(1, 4)
        if IDS[row, place] != 0
    ]
    loss = next_token_loss(logits, LABELS[:, 1:])
    assert len(terms) == 5
    assert loss.item() == pytest.approx(torch.stack(terms).mean().item(), abs=1e-12)


def test_label_smoothing_against_its_definition(logits):
    smooth = next_token_loss(logits, LABELS[:, 1:], smoothing=0.1).item()
    logs = torch.log_softmax(logits[:, :-1], 2)[LABELS[:, 1:] != -100]
    even = -logs.mean().item()
    plain = next_token_loss(logits, LABELS[:, 1:]).item()
    assert smooth == pytest.approx(0.9 * plain + 0.1 * even, abs=1e-12)


def test_gradient_of_the_loss(logits):
    assert torch.autograd.gradcheck(
        lambda x: next_token_loss(x, LABELS[:, 1:]), logits.requires_grad_()
    )


def tiny(kind, dim=6, vocabulary=11):
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=vocabulary, n_positions=20, n_embd=16, n_layer=1, n_head=2,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    return VectorDecoder(KINDS[kind], dim, GPT2LMHeadModel(config)).double()


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if not kind.corrects])
def test_tokens_are_predicted_behind_the_prefix(kind):
    """The tokens are predicted by logits[:, k-1:-1], each row as if it stood alone."""
    decoder = tiny(kind).eval()
    vectors = torch.randn(2, 6, dtype=torch.float64)
    labels = torch.tensor([[3, 4, 5, 1], [7, 1, -100, -100]])
    k, terms = decoder.prefix_length, []
    for row in range(2):
        ids = labels[row][labels[row] != -100]
        read = decoder.language_model.get_input_embeddings()(ids)
        whole = torch.cat([decoder.prefix(vectors)[row], read])
        logits = decoder.language_model(inputs_embeds=whole.unsqueeze(0)).logits[0, k - 1 : -1]
        terms.append(torch.nn.functional.cross_entropy(logits, ids, reduction="sum"))
    with torch.no_grad():
        loss = decoder(vectors, labels).loss
    assert loss.item() == pytest.approx(torch.stack(terms).sum().item() / 6, abs=1e-10)


def test_mlp_against_its_formula():
    decoder = tiny("prefix").eval()
    vector = torch.randn(1, 6, dtype=torch.float64)
    first, _, second = decoder.mapping.layers
    assert (decoder.prefix_length, first.out_features) == (4, 16 * 4 // 2)
    scaled = math.sqrt(6) * vector / vector.norm()
    made = torch.tanh(scaled @ first.weight.T + first.bias) @ second.weight.T + second.bias
    assert torch.allclose(decoder.prefix(vector), made.view(1, 4, 16), atol=1e-12)
    assert torch.allclose(decoder.prefix(3 * vector), decoder.prefix(vector), atol=1e-12)


@pytest.fixture
def memory():
    i, j = np.meshgrid(np.arange(4.0), np.arange(3.0), indexing="ij")
    z1, z3 = np.sin((i + 1) * (j + 2)), np.cos(i + 2 * j + 0.5)
    return unit(z1), unit(z3)


def test_projection_onto_a_memory(memory):
    z1, z3 = memory
    for temperature, weights in (
        (0.1, [0.9999593499, 0.0000377974, 0.0000001539, 0.0000026987]),
        (0.5, [0.7994764245, 0.1043041606, 0.0346960687, 0.0615233461]),
    ):
        found = Memory(z3, temperature).weights(z1[:1])[0]
        assert found == pytest.approx(weights, abs=1e-10)
    projected = Memory(z3, 0.5).project(z1[:1])[0]
    assert projected == pytest.approx([0.6637010066, -0.7468102632, -0.0421355496], abs=1e-10)


def test_an_empty_memory_is_refused():
    with pytest.raises(InputError, match="holds no text"):
        Memory(np.zeros((0, 3)), 0.1)


def test_temperature_gives_projections_of_about_ten_texts():
    random = np.random.default_rng(0)
    texts, others = (unit(random.standard_normal((count, 16))) for count in (400, 60))
    temperature = fitted_temperature(texts, others)
    weights = Memory(texts, temperature).weights(others)
    effective = np.exp(-(weights * np.log(weights)).sum(axis=1))
    assert np.median(effective) == pytest.approx(10, abs=0.01)


def test_length_of_noise():
    """Variance 0.016 in 640 dimensions is a length of 3.2, whose mean cosine is .298."""
    assert pytest.approx(3.2**2) == 640 * 0.016
    assert pytest.approx(0.0266666667, abs=1e-10) == 3.2**2 / 384
    assert pytest.approx(0.08, abs=1e-12) == 3.2**2 / 128
    assert 1 / math.sqrt(1 + 3.2**2) == pytest.approx(0.2982749931, abs=1e-10)
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(2000, 384, dtype=torch.float64))
    noisy = with_noise(vectors, 3.2)
    assert noisy.norm(dim=1).numpy() == pytest.approx(1)
    assert (noisy * vectors).sum(1).mean().item() == pytest.approx(0.2983, abs=0.005)
    assert torch.equal(with_noise(vectors, 0.0), torch.nn.functional.normalize(vectors))


def test_noise_is_of_training_alone():
    decoder = tiny("capdec")
    vectors = torch.randn(2, 6, dtype=torch.float64)
    assert decoder.noise == 3.2
    assert not torch.equal(decoder.train().prefix(vectors), decoder.prefix(vectors))
    assert torch.equal(decoder.eval().prefix(vectors), decoder.prefix(vectors))
