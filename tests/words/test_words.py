"""Word vectors: frozen values, the PMI identity, windows by hand, and a model that loads."""

import json

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb import word2vec
from sentemb.errors import InputError, NumericError, UsageError
from sentemb.inference.static import sif_weights
from sentemb.words import (
    WordSettings,
    contrast_with_noise,
    first_direction,
    keep_probabilities,
    noise_distribution,
    read_corpus,
    train_words,
    without_first_direction,
)
from sentemb.words.sif import means_of_texts
from sentemb.words.skip_gram import WordTable, _batches, _near

POSITIVE = torch.tensor([1.2], dtype=torch.float64)
NOISE = torch.tensor([0.4, -0.3, 0.9], dtype=torch.float64)
COUNTS = torch.tensor([[4, 1, 1], [1, 3, 2], [2, 1, 5]], dtype=torch.float64)
TINY = {"dim": 8, "epochs": 2, "window": 2}


@pytest.mark.parametrize(
    ("shifts", "value", "of_positive", "of_noise"),
    [
        (None, 2.9718068389, -0.2314752165, [0.5986876601, 0.4255574832, 0.7109495026]),
        (
            (0.02, [0.05, 0.01, 0.20]),
            *(7.2862045525, -0.0177508652),
            [0.9086382363, 0.9610803180, 0.8038961335],
        ),
    ],
    ids=["negative-sampling", "noise-contrastive"],
)
def test_frozen_values(shifts, value, of_positive, of_noise):
    positive, noise = (x.clone().requires_grad_() for x in (POSITIVE, NOISE))
    own, drawn = (torch.tensor(q, dtype=torch.float64) for q in shifts or (1 / 3, [1 / 3] * 3))
    loss = contrast_with_noise(positive - (3 * own).log(), noise - (3 * drawn).log())
    assert loss.item() == pytest.approx(value, abs=1e-8)
    loss.backward()
    assert positive.grad.item() == pytest.approx(of_positive, abs=1e-8)
    np.testing.assert_allclose(noise.grad, of_noise, atol=1e-8)


@pytest.mark.parametrize(
    ("exponent", "row", "value"),
    [
        (1.0, [-0.9650808960, -2.0149030205, -2.4849066498], 2.5735740463),
        (0.75, [-0.9563128375, -2.0902530212, -2.4427557431], 2.5724925955),
    ],
)
def test_two_tables_of_full_rank_reach_the_optimum_of_free_scores(exponent, row, value):
    of_words, of_contexts = COUNTS.sum(1, keepdim=True), COUNTS.sum(0)
    q = torch.from_numpy(noise_distribution(of_contexts.numpy(), exponent))
    draws = 5 * of_words * q
    tables = [torch.eye(3, dtype=torch.float64).requires_grad_() for _ in range(2)]
    optimizer = torch.optim.LBFGS(
        tables,
        max_iter=500,
        tolerance_grad=1e-13,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure():
        optimizer.zero_grad()
        scores = tables[0] @ tables[1].T
        loss = contrast_with_noise(scores, scores, COUNTS, draws)
        loss.backward()
        return loss

    optimizer.step(closure)
    scores = (tables[0] @ tables[1].T).detach()
    np.testing.assert_allclose(scores[0], row, atol=1e-6)
    np.testing.assert_allclose(scores, (COUNTS / draws).log(), atol=1e-6)
    found = contrast_with_noise(scores, scores, COUNTS, draws) / COUNTS.sum()
    assert float(found) == pytest.approx(value, abs=1e-8)


def test_the_noise_contrastive_optimum_is_the_conditional_probability():
    of_words, q = COUNTS.sum(1, keepdim=True), COUNTS.sum(0) / COUNTS.sum()
    scores = (COUNTS / of_words).log().requires_grad_()
    shifted = scores - (5 * q).log()
    contrast_with_noise(shifted, shifted, COUNTS, 5 * of_words * q).backward()
    np.testing.assert_allclose(scores.grad, 0, atol=1e-12)


def test_gradients():
    scores = (POSITIVE.clone().requires_grad_(), NOISE.clone().requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: contrast_with_noise(a, b, 2.0, 0.5), scores)


def test_distributions():
    found = noise_distribution(np.array([10, 5, 1]))
    np.testing.assert_allclose(found, [0.5641966986, 0.3354733641, 0.1003299372], atol=1e-10)
    for threshold, kept in ((1e-3, 0.3162277660), (1e-5, 0.0316227766)):
        assert keep_probabilities(np.array([0.01]), threshold)[0] == pytest.approx(kept, abs=1e-10)
    assert keep_probabilities(np.array([0.01]), 0) == 1


def test_sif_and_its_first_direction(frozen):
    weights = sif_weights(np.array([100, 50, 10, 1]) / 161)
    expected = [0.0016074121, 0.0032096649, 0.0158448972, 0.1386735573]
    np.testing.assert_allclose(weights, expected, atol=1e-10)
    vectors = frozen.anchor.double().numpy() * weights[:, None]
    means = np.stack([vectors[ids].mean(0) for ids in ([0, 1, 2], [0, 3], [1, 2, 2, 3])])
    np.testing.assert_allclose(means[0], [-0.0017982589, 0.0019533276, -0.0021809759], atol=1e-9)
    direction = first_direction(means)
    removed = without_first_direction(means, direction)
    np.testing.assert_allclose(removed[0], [-0.0002513559, 0.0011362084, -0.0026736509], atol=1e-9)
    of_words = without_first_direction(vectors, direction)  # a linear map
    np.testing.assert_allclose(of_words[[0, 1, 2]].mean(0), removed[0], atol=1e-12)
    with pytest.raises(InputError, match="share no direction"):
        first_direction(np.zeros((2, 3)))


def test_a_corpus_is_numbered_by_frequency():
    corpus = read_corpus(["The cat, the DOG!", "", "rare", "a dog the cat"], min_count=2)
    assert corpus.words == ["the", "cat", "dog"]
    assert corpus.counts.tolist() == [3, 2, 2]
    assert corpus.ids.tolist() == [0, 1, 0, 2, 2, 0, 1]
    assert corpus.ends.tolist() == [4, 7]
    assert corpus.unknown == 2
    assert corpus.tokenizer().encode("Dog the new").ids == [3, 1, 0]
    np.testing.assert_allclose(means_of_texts(corpus, np.eye(3)), [[0.5, 0.25, 0.25], [1 / 3] * 3])


def test_windows_stay_within_texts():
    near = _near(torch.tensor([[0, 0, 0, 1, -1]]), torch.tensor([[2, 1, 1, 5, 5]]))[0]
    assert near.int().tolist() == [
        [0, 1, 1, 0, 0],
        [1, 0, 1, 0, 0],
        [0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]


def test_a_distance_is_used_as_often_as_the_window_is_that_wide():
    corpus = read_corpus([" ".join("abcdefgh")] * 400, min_count=1)
    settings = WordSettings(window=4, subsample=0)
    q = noise_distribution(corpus.counts)
    near = sum(b.near for _, b in _batches(corpus, settings, q, np.random.default_rng(0))).sum(0)
    found = [float(torch.diagonal(near, distance).sum()) for distance in (1, 2, 3, 4, 5)]
    possible = [400 * (8 - distance) for distance in (1, 2, 3, 4, 5)]  # 8 texts fill a row
    shares = np.array(found) / possible
    np.testing.assert_allclose(shares, [1, 0.75, 0.5, 0.25, 0], atol=0.03)


def test_equal_ids_are_added_up_before_a_step():
    table = WordTable(torch.zeros(3, 2))
    gradient = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 3.0], [0.0, 0.0]]])
    table.step(torch.tensor([[0, 0], [2, 1]]), gradient, 0.1)
    expected = [[-0.1 * 2**0.5, 0], [0, 0], [0, -0.1 * 2**0.5]]
    np.testing.assert_allclose(table.vectors, expected, atol=1e-6)


@pytest.mark.sampled
@pytest.mark.parametrize("architecture", ["skip-gram", "cbow"])
@pytest.mark.parametrize("objective", ["negative-sampling", "noise-contrastive"])
def test_words_of_one_topic_come_together(architecture, objective):
    topics = ["red green blue pink", "one two three four"]
    random = np.random.default_rng(0)
    texts = [" ".join(random.permutation(topics[n % 2].split())) for n in range(600)]
    corpus = read_corpus(texts)
    settings = WordSettings(architecture=architecture, objective=objective, subsample=0, **TINY)
    vectors, losses = train_words(corpus, settings)
    again, _ = train_words(corpus, settings)
    assert torch.equal(vectors, again)
    assert losses[1] < losses[0]
    unit = torch.nn.functional.normalize(vectors - vectors.mean(0))  # all share a direction
    topic = torch.tensor([word in topics[0] for word in corpus.words])
    same = (unit @ unit.T)[topic[:, None] == topic].mean()
    assert same > (unit @ unit.T)[topic[:, None] != topic].mean() + 0.5


def test_the_folder_is_a_plain_sentence_transformer(tmp_path, sentences):
    record = word2vec(
        sentences[:500], tmp_path / "words", settings=WordSettings(**TINY), min_count=2
    )
    assert json.loads((tmp_path / "words/words.json").read_text()) == record
    model = SentenceTransformer(str(tmp_path / "words"), device="cpu")
    assert [type(module).__name__ for module in model] == ["StaticEmbedding"]
    known, unknown = model.encode(["the", "zyxwv"])
    assert known.any()
    assert not unknown.any()
    np.testing.assert_allclose(model.encode(["the zyxwv"])[0], known / 2, atol=1e-7)
    with pytest.raises(UsageError, match="not empty"):
        word2vec(sentences[:500], tmp_path / "words")


def test_what_no_words_can_be_trained_on(tmp_path):
    for texts, options, message in (
        (["a b", "a b"], {"vocabulary": 3, "min_count": 1}, "2 words that occur 1 times or more"),
        (["a b"], {}, "0 words that occur 5 times or more, and at least 2"),
        (["a", "b"] * 9, {}, "No text of the corpus has two known words"),
    ):
        with pytest.raises(InputError, match=message):
            word2vec(texts, tmp_path / "words", **options)
    for options, message in (
        ({"window": 0}, "window must be at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"subsample": -1.0}, "subsample must be 0 or more"),
        ({"objective": "nce"}, "objective must be one of negative-sampling, noise-contrastive"),
    ):
        with pytest.raises(UsageError, match=message):
            WordSettings(**options)
    with pytest.raises(
        UsageError, match="noise must be at most the 3 words of the vocabulary, got 4"
    ):
        word2vec(["a b c"] * 9, tmp_path / "words", settings=WordSettings(noise=4))
    with pytest.raises(UsageError, match="smoothing must be 0 or more"):
        word2vec(["a b"], tmp_path / "words", smoothing=-1.0)
    corpus, settings = read_corpus(["a b c d e"] * 900), WordSettings(learning_rate=1e30, **TINY)
    with pytest.raises(NumericError, match="not finite"):
        train_words(corpus, settings)
    assert not any(tmp_path.iterdir())
