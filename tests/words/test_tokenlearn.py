"""tokenlearn: the loss by hand, what is trained, and an export that is a plain model."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb import export
from sentemb.bundled import bundled
from sentemb.errors import InputError, NumericError, UsageError
from sentemb.inference.static import SMOOTHING, counted, real_tokens, sif_weights
from sentemb.losses import InfoNCE
from sentemb.pairs import Pairs
from sentemb.twins import PrincipalComponents
from sentemb.words import StaticSettings, TokenMeans, tokenlearn
from sentemb.words.token_means import tokenised, train_means
from sentemb.words.tokenlearn import SETTINGS

FAST = replace(SETTINGS, batch_size=64, epochs=8)
START = replace(SETTINGS, epochs=1, batch_size=64, learning_rate=1e-12)


def test_the_frozen_value_of_its_papers_loss(frozen):
    rows = torch.arange(4, dtype=torch.float64)[:, None]
    targets = torch.cos((rows + 0.5) * torch.arange(1, 4))
    loss = InfoNCE(temperature=0.07)(Pairs(frozen.anchor.double(), targets))
    assert float(loss) == pytest.approx(9.8129968281, abs=1e-8)


def test_a_text_is_the_weighted_mean_of_its_tokens():
    vectors = np.arange(8.0).reshape(4, 2)
    means = TokenMeans(vectors, np.array([1.0, 0.5, 2.0, 0.0]))
    rows = [np.array(ids, np.int32) for ids in ([0, 1, 1], [], [2, 3])]
    expected = [(vectors[0] + vectors[1]) / 3, [0, 0], vectors[2]]
    np.testing.assert_allclose(means(rows).detach(), expected, atol=1e-6)
    table = means.static(None, 1.0).vectors
    np.testing.assert_allclose(table, vectors * [[1], [0.5], [2], [0]])
    with pytest.raises(UsageError, match="4 vectors of tokens, but 3 weights"):
        TokenMeans(vectors, np.ones(3))


@pytest.mark.wide
def test_training_brings_the_students_vectors_to_the_teachers(mini, sentences):
    texts = [*sentences[:256], "", sentences[0]]
    start = tokenlearn(mini, texts, dim=32, settings=START)
    tokens = real_tokens(start.tokenizer)
    assert start.vectors[tokens].any(axis=1).all()
    assert not np.delete(start.vectors, tokens, axis=0).any()
    learned = tokenlearn(mini, texts, dim=32, settings=FAST)
    again = tokenlearn(mini, texts, dim=32, settings=FAST)
    np.testing.assert_array_equal(learned.vectors, again.vectors)
    teacher = mini.encode(list(dict.fromkeys(sentences[:256])))
    components = PrincipalComponents(96, 32)
    assert learned.variance == pytest.approx(components.fit(teacher), rel=1e-3)
    target = components(torch.from_numpy(teacher))
    before, after = (
        torch.stack([torch.from_numpy(made.vectors[row].mean(axis=0)) for row in rows])
        for made in (start, learned)
        for rows in [tokenised(dict.fromkeys(sentences[:256]), made.tokenizer)]
    )
    cosines = [float(torch.cosine_similarity(x, target).mean()) for x in (before, after)]
    assert cosines[1] > cosines[0] + 0.2, cosines


def test_it_starts_from_tokens_in_the_teachers_components_with_sif_weights(mini, sentences):
    texts = list(dict.fromkeys(sentences[:100]))
    made = tokenlearn(mini, texts, dim=0, settings=START)
    ids = [mini.tokenizer.convert_tokens_to_ids(word) for word in ("man", "the", "guitar")]
    shares = counted(texts, made.tokenizer, tokens := real_tokens(made.tokenizer))
    weights = sif_weights(shares, SMOOTHING)[[tokens.index(i) for i in ids]]
    found = made.vectors[ids] / weights[:, None]
    expected = mini.encode(["man", "the", "guitar"])
    apart = [np.linalg.norm(x[:, None] - x, axis=2) for x in (found, expected)]
    scale = apart[1].max() / apart[0].max()
    np.testing.assert_allclose(apart[0] * scale, apart[1], rtol=1e-3, atol=1e-3)


def test_export_with_data_writes_a_plain_model(tmp_path, sentences):
    few = list(dict.fromkeys(sentences[:300]))
    options = {"static": True, "data": few, "sts": bundled("formats/graded.tsv")}
    record = export("mini-sentemb", tmp_path / "learned", dim=16, **options)
    assert record["how"]["dim"] == 16
    model = SentenceTransformer(str(tmp_path / "learned"), device="cpu")
    assert [type(module).__name__ for module in model] == ["StaticEmbedding"]
    assert model.encode(["a"]).shape == (1, 16)
    card = (tmp_path / "learned/README.md").read_text()
    assert "were trained until their weighted mean was the encoder's vector" in card
    for more, message in (
        ({"texts": few}, "`texts` or `data`, not both"),
        ({"int8": True, "static": False}, "have no effect beside `int8`"),
    ):
        with pytest.raises(UsageError, match=message):
            export("mini", tmp_path / "new", **options | more)


def test_what_nothing_can_be_learned_from(mini, sentences):
    for dim in (-1, 97):
        with pytest.raises(UsageError, match=r"dim must be 0 \(keep all\) or from 1 to 96"):
            tokenlearn(mini, sentences, dim=dim)
    with pytest.raises(InputError, match="at least 2 distinct texts; the data has 1"):
        tokenlearn(mini, ["a", "", "a"])
    with pytest.raises(InputError, match="hold no token"):
        tokenlearn(mini, ["", " "])
    for options in ({"batch_size": 1}, {"epochs": 0}, {"learning_rate": 0.0}):
        with pytest.raises(UsageError, match="must be"):
            StaticSettings(**options)
    few = sentences[:64]
    with pytest.raises(InputError, match=r"held_out=0\.01 divides 64 rows into 63 and 1"):
        tokenlearn(mini, few, settings=replace(FAST, held_out=0.01))
    means = TokenMeans(np.zeros((2, 2)), np.ones(2))
    with pytest.raises(NumericError, match="loss is not finite"):
        train_means(means, 64, lambda rows: means.vectors.sum() * float("nan"), FAST)
    mini[0].auto_model.embeddings.word_embeddings.weight.data[5:] = float("nan")
    with pytest.raises(NumericError, match="vector of distinct text 1 is not finite"):
        tokenlearn(mini, few, settings=FAST)


def test_training_ends_where_the_rows_held_out_get_worse():
    """Rows pull to 1, those held out to −1: every epoch is worse, and the start is kept."""
    means, seen = TokenMeans(np.zeros((1, 1)), np.ones(1)), set()

    def loss_of(rows):
        if torch.is_grad_enabled():
            seen.update(rows.tolist())
        sign = 1 if torch.is_grad_enabled() else -1
        return (means.vectors[0, 0] - sign).square()

    after = []

    def noted(rows):
        if not torch.is_grad_enabled():
            after.append(float(means.vectors.detach()))
        return loss_of(rows)

    settings = replace(SETTINGS, batch_size=5, epochs=9, held_out=0.5)
    history = train_means(means, 20, noted, settings)
    assert (len(history.losses), len(history.held_out)) == (1, 2)
    assert history.held_out[1] > history.held_out[0]
    assert len(seen) == 10
    assert float(means.vectors.detach()) == after[0] == 0
    assert after[0] < after[-1]
