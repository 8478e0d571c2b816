"""Static models trained on pairs: from random, from word vectors, from an export; bad input."""

import json

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

from sentemb import static, word2vec
from sentemb.errors import InputError, UsageError
from sentemb.losses import InfoNCE, Matryoshka
from sentemb.pairs import Pairs
from sentemb.words import StaticSettings, WordSettings
from sentemb.words.token_means import _rate

WORDS = ("warm", "cold", "wet", "dry", "long")
PAIRS = [(f"a {word} day", f"one day so {word}") for word in WORDS] * 4
SMALL = StaticSettings(epochs=20, batch_size=10)


def cosines(folder):
    model = SentenceTransformer(str(folder), device="cpu")
    x, y = (
        model.encode(list(side), normalize_embeddings=True) for side in zip(*PAIRS[:5], strict=True)
    )
    return x @ y.T


def test_pairs_are_found_after_training_from_random(tmp_path):
    record = static(PAIRS, tmp_path / "new", dim=64, settings=SMALL)
    assert json.loads((tmp_path / "new/static.json").read_text()) == record
    assert record["matryoshka"] == [64, 32]
    assert record["losses"][-1] < record["losses"][0] / 2
    found = cosines(tmp_path / "new")
    assert (found.argmax(axis=1) == np.arange(5)).all()
    static(PAIRS, tmp_path / "again", dim=64, settings=SMALL)
    np.testing.assert_array_equal(cosines(tmp_path / "again"), found)


def test_the_first_loss_is_that_of_the_start_with_duplicates_masked(tmp_path):
    settings = StaticSettings(epochs=1, batch_size=100)
    first = static(PAIRS, tmp_path / "a", dim=64, settings=settings)
    model = SentenceTransformer(str(tmp_path / "a"), device="cpu")
    again = static(PAIRS, tmp_path / "b", model=tmp_path / "a", settings=settings)
    assert again["start"] == "its vectors"
    assert again["losses"][0] < first["losses"][0]
    x, y = (torch.from_numpy(model.encode(list(side))) for side in zip(*PAIRS, strict=True))
    texts = [text for side in zip(*PAIRS, strict=True) for text in side]
    numbers = torch.tensor([texts.index(text) for text in texts])
    loss = Matryoshka(InfoNCE(0.05), (64, 32))(Pairs(x, y, texts=numbers))
    assert again["losses"][0] == pytest.approx(float(sum(loss.values())), rel=1e-4)


def test_word_vectors_are_a_start(tmp_path):
    texts = [text for pair in PAIRS for text in pair]
    word2vec(texts, tmp_path / "words", settings=WordSettings(dim=32, epochs=1))
    record = static(PAIRS, tmp_path / "new", model=tmp_path / "words", settings=SMALL)
    assert (record["dim"], record["matryoshka"]) == (32, [32])
    assert (cosines(tmp_path / "new").argmax(axis=1) == np.arange(5)).all()


def test_the_rate_rises_and_falls():
    settings = StaticSettings(learning_rate=1.0, warmup=0.5)
    assert [_rate(step, 4, settings) for step in range(4)] == [0.5, 1.0, 1.0, 0.5]
    assert _rate(0, 4, StaticSettings(learning_rate=1.0, warmup=0.0)) == 1


def test_what_is_refused(tmp_path, mini):
    for options, message in (
        ({"dim": 1}, "dim must be at least 2"),
        ({"dim": 64, "matryoshka": (65,)}, "Matryoshka of 65 dimensions"),
        ({"temperature": 0.0}, "temperature"),
    ):
        with pytest.raises(UsageError, match=message):
            static(PAIRS, tmp_path / "new", **options)
    with pytest.raises(UsageError, match="warmup must be from 0 to below 1"):
        StaticSettings(warmup=1.0)
    with pytest.raises(InputError, match="at least 2"):
        static(PAIRS[:1], tmp_path / "new", dim=64)
    tokenizer = mini.tokenizer.backend_tokenizer
    short = StaticEmbedding(tokenizer, embedding_weights=np.ones((10, 4), np.float32))
    broken = SentenceTransformer(modules=[short], device="cpu")
    with pytest.raises(InputError, match="8,182 tokens without an embedding"):
        static(PAIRS, tmp_path / "new", model=broken)
    whole = StaticEmbedding(tokenizer, embedding_dim=4)
    given = SentenceTransformer(modules=[whole], device="cpu")
    with pytest.raises(UsageError, match="no effect on a static model"):
        static(PAIRS, tmp_path / "new", model=given, dim=8)
    assert not any(tmp_path.iterdir())
