"""Shuffle, cutoffs and noise: exact counts and positions, and nothing else is touched."""

import pytest
import torch

from sentemb.errors import UsageError
from sentemb.views import (
    Adversarial,
    Draws,
    EmbeddingDropout,
    FeatureCutoff,
    GaussianNoise,
    SpanCutoff,
    SupervisedAdversarial,
    TokenCutoff,
    TokenShuffle,
    row_key,
)

LENGTHS = [1, 2, 5, 9, 10, 30]
ALL = [TokenCutoff(0.5), SpanCutoff(0.5), FeatureCutoff(0.5), EmbeddingDropout(0.5)]
ALL += [GaussianNoise(0.5)]


@pytest.fixture
def draws():
    return Draws(torch.tensor([row_key(0, 0, row, 0) - 2**63 for row in range(len(LENGTHS))]))


@pytest.fixture(params=["right", "left"])
def mask(request):
    lengths = torch.tensor(LENGTHS).unsqueeze(1)
    mask = torch.arange(32) < lengths
    return mask.flip(1) if request.param == "left" else mask


@pytest.fixture
def embeddings():
    return torch.randn(len(LENGTHS), 32, 20, generator=torch.Generator().manual_seed(0)) + 3


def name(perturbation):
    return type(perturbation).__name__


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.29, 0.5, 1.0])
@pytest.mark.parametrize("cutoff", [TokenCutoff, SpanCutoff])
def test_exact_counts_of_tokens_and_the_rest_bit_equal(cutoff, rate, embeddings, mask, draws):
    after = cutoff(rate)(embeddings, mask, draws)
    zero = (after == 0).all(dim=2)
    assert zero.sum(dim=1).tolist() == [int(rate * n) for n in LENGTHS]
    assert not zero[~mask].any()
    assert torch.equal(after[~zero], embeddings[~zero])


def test_a_span_is_one_run(embeddings, mask, draws):
    zero = (SpanCutoff(0.5)(embeddings, mask, draws) == 0).all(dim=2)
    for row, places in enumerate(zero):
        (run,) = places.nonzero(as_tuple=True)
        assert run.tolist() == list(range(run[0], run[0] + len(run))) if len(run) else row < 1


def test_every_token_and_every_span_is_equally_likely():
    rows = 4000
    draws = Draws(torch.tensor([row_key(1, 0, row, 0) - 2**63 for row in range(rows)]))
    ones, mask = torch.ones(rows, 6, 1), torch.ones(rows, 6, dtype=torch.bool)
    tokens = (TokenCutoff(0.34)(ones, mask, draws) == 0).float().mean(dim=0)
    assert (tokens - 2 / 6).abs().max() < 0.03
    spans = SpanCutoff(0.34)(ones, mask, draws)[:, :, 0]
    starts = (spans == 0).float().argmax(dim=1).bincount(minlength=5) / rows
    assert (starts - 1 / 5).abs().max() < 0.03


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.29, 1.0])
def test_feature_cutoff_takes_the_same_dimensions_of_all_tokens(rate, embeddings, mask, draws):
    after = FeatureCutoff(rate)(embeddings, mask, draws)
    zero = after == 0
    assert zero.all(dim=1).sum(dim=1).tolist() == [int(rate * 20)] * len(LENGTHS)
    assert torch.equal(zero.all(dim=1), zero.any(dim=1))
    assert torch.equal(after[~zero], embeddings[~zero])


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.29, 1.0])
def test_embedding_dropout_is_exact_and_does_not_rescale(rate, embeddings, mask, draws):
    after = EmbeddingDropout(rate)(embeddings, mask, draws)
    zero = after == 0
    assert zero.sum(dim=(1, 2)).tolist() == [int(rate * (n * 20)) for n in LENGTHS]
    assert not zero[~mask].any()
    assert torch.equal(after[~zero], embeddings[~zero])


def test_gaussian_noise_has_its_size_and_leaves_padding(embeddings, mask, draws):
    moved = GaussianNoise(0.3)(embeddings, mask, draws) - embeddings
    assert torch.equal(moved[~mask], torch.zeros_like(moved[~mask]))
    assert moved[mask].std() == pytest.approx(0.3, rel=0.05)
    assert moved[mask].mean().abs() < 0.03


@pytest.mark.parametrize("perturbation", ALL, ids=name)
def test_a_row_comes_out_the_same_in_any_batch_and_under_any_padding(perturbation, draws):
    n = 7
    embeddings = torch.randn(1, n, 20, generator=torch.Generator().manual_seed(1)) + 3
    alone = perturbation(embeddings, torch.ones(1, n, dtype=torch.bool), Draws(draws.keys[2:3]))
    padded = torch.cat([embeddings, torch.ones(1, 9, 20)], dim=1).expand(6, -1, -1)
    mask = (torch.arange(16) < n).expand(6, -1)
    assert torch.equal(perturbation(padded, mask, draws)[2, :n], alone[0])


@pytest.mark.parametrize("perturbation", ALL, ids=name)
def test_the_global_stream_is_neither_read_nor_moved(perturbation, embeddings, mask, draws):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = perturbation(embeddings, mask, draws)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert torch.equal(perturbation(embeddings, mask, draws), first)


@pytest.mark.parametrize("perturbation", ALL, ids=name)
def test_half_precision_stays(perturbation, embeddings, mask, draws):
    after = perturbation(embeddings.half(), mask, draws)
    assert after.dtype == torch.float16
    assert torch.isfinite(after).all()


def test_an_order_is_a_permutation_of_the_real_tokens(mask, draws):
    order = TokenShuffle()(mask, draws)
    places = torch.arange(32).expand_as(order)
    assert torch.equal(order.sort(dim=1).values, places)
    assert torch.equal(order[~mask], places[~mask])
    assert (order[-1] != places[-1]).sum() > 20


@pytest.mark.parametrize("cutoff", [TokenCutoff, SpanCutoff, FeatureCutoff, EmbeddingDropout])
@pytest.mark.parametrize("rate", [-0.1, 1.01, float("nan")])
def test_a_rate_out_of_range(cutoff, rate):
    with pytest.raises(UsageError, match=rf"{cutoff.__name__} takes a rate in \[0, 1\], got"):
        cutoff(rate)


@pytest.mark.parametrize("noise", [GaussianNoise, Adversarial, SupervisedAdversarial])
@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_a_size_out_of_range(noise, size):
    with pytest.raises(UsageError, match=f"{noise.__name__} takes a positive"):
        noise(size)
