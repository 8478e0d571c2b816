"""Multilingual distillation: frozen values, what the teacher reads, and unknown tokens."""

import json

import numpy as np
import pytest
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer

from sentemb import Settings, train
from sentemb.datasets import TrainingData
from sentemb.encoders.embedding import TEXTS
from sentemb.errors import InputError, UsageError
from sentemb.losses import MSEDistillation
from sentemb.method import Method
from sentemb.methods import multilingual
from sentemb.pairs import Pairs
from sentemb.runs import frozen_vectors
from sentemb.twins import Taught, Teacher
from sentemb.views import View
from tests.support.encoders import mini
from tests.support.helpers import PowerCut, assert_bit_equal, state

SETTINGS = Settings(batch_size=8, learning_rate=1e-3, max_steps=3, save_steps=1, max_length=32)


@pytest.fixture
def rows(sentences):
    """Sentences, and other words that stand for their translations."""
    pairs = {"anchor": sentences[:24], "positive": [text.upper()[::-1] for text in sentences[:24]]}
    return TrainingData(Dataset.from_dict(pairs), "pairs", 0, ())


def test_a_translation_is_compared_with_the_vector_of_its_source(mini_teacher):
    encoder, known = mini("mean"), mini_teacher
    vectors = np.random.default_rng(0).standard_normal((3, 96)).astype(np.float32)
    known.remember(np.array([1, 2, 3]), vectors)
    twin = Taught(encoder, known).eval()
    source, target = (
        {k: v for k, v in encoder.preprocess(texts).items() if torch.is_tensor(v)}
        for texts in (["a", "b", "c"], ["x", "y", "z"])
    )
    source[TEXTS], target[TEXTS] = torch.tensor([3, 1, 2]), torch.tensor([7, 8, 9])
    first, second = twin([source, target], (View("anchor"), View("positive")))
    expected = torch.from_numpy(vectors)[[2, 0, 1]]
    for pairs in (first, second):
        assert torch.equal(pairs.teacher, expected)
    assert second.texts.tolist() == [7, 8, 9, 3, 1, 2]
    outputs = Method((View("anchor"), View("positive")), twin, MSEDistillation())([source, target])
    losses = [MSEDistillation()(pairs) for pairs in (first, second)]
    torch.testing.assert_close(outputs["loss"], torch.stack(losses).mean())


@pytest.fixture
def mini_teacher():
    return Teacher(mini("mean"), "mini")


@pytest.mark.wide
def test_the_teacher_reads_sources_alone_and_a_cut_run_resumes(rows, tmp_path, monkeypatch):
    read, embed = [], frozen_vectors.encode_file

    def counting(encoder, texts, *args, **options):
        given = list(texts)
        read.append(given)
        return embed(encoder, iter(given), *args, **options)

    monkeypatch.setattr(frozen_vectors, "encode_file", counting)
    whole, half, resumed = (multilingual(mini("mean"), "mini-sentemb") for _ in range(3))
    run = train(whole, rows, tmp_path / "whole", SETTINGS)
    assert len(read[0]) == 24
    half.loss = PowerCut(half.loss, 4)  # two pairings a batch
    with pytest.raises(KeyboardInterrupt):
        train(half, rows, tmp_path / "cut", SETTINGS)
    train(resumed, rows, tmp_path / "cut", SETTINGS, resume=True)
    assert_bit_equal(state(resumed), state(whole))
    plain = SentenceTransformer(str(tmp_path / "whole"), device="cpu")
    found = plain.encode(["a text"])
    np.testing.assert_allclose(found, run.model.eval().encode(["a text"]), atol=1e-6)
    assert json.loads((tmp_path / "whole/run.json").read_text())["teacher"]["model"]


def test_translations_that_the_tokenizer_does_not_know_are_refused(sentences, tmp_path):
    pairs = {"anchor": sentences[:24], "positive": ["\U0001f600\U0001f601 \U0001f602"] * 24}
    rows = TrainingData(Dataset.from_dict(pairs), "pairs", 0, ())
    method = multilingual(mini("mean"), "mini-sentemb")
    with pytest.raises(InputError, match=r"not know most of the texts in column 'positive' \(100%"):
        train(method, rows, tmp_path / "run", SETTINGS)


def test_without_a_teacher():
    with pytest.raises(UsageError, match="'multilingual' needs a teacher"):
        multilingual(mini("mean"))


def test_the_frozen_values(frozen):
    i, j = (torch.arange(n, dtype=torch.float64) for n in (4, 3))
    target = torch.cos((i.unsqueeze(1) + 0.5) * (j + 1))
    views = (frozen.anchor, frozen.positive)
    values = [float(MSEDistillation()(Pairs(z, z, teacher=target))) for z in views]
    assert values == pytest.approx([0.6477737735, 0.5876640513], abs=1e-8)
    assert sum(values) == pytest.approx(1.2354378249, abs=1e-8)
