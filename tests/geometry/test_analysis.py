"""An analysis of vectors that are known, and its pictures."""

import math

import numpy as np
import pytest
import torch

from sentemb.errors import InputError, NumericError, UsageError
from sentemb.evaluation import STS
from sentemb.functional import alignment, uniformity
from sentemb.geometry import Corpus, analyse
from sentemb.geometry.report import write_report
from sentemb.plotting import require_matplotlib

WORDS = ("cat", "dog", "owl", "hen", "cow", "ant", "bee", "fox", "elk")
TASK = STS("pairs", ["a", "b", "c"], ["d", "e", "f"], [5, 4.5, 1])


def count(texts):
    return [len(text.split()) for text in texts]


def random_vectors(texts):
    """A vector by the text, the longer the more words it has."""
    rows = []
    for text in texts:
        generator = np.random.default_rng(sum(ord(c) * 31**i for i, c in enumerate(text)))
        row = generator.normal(size=8)
        rows.append(row / np.linalg.norm(row) * len(text.split()))
    return np.array(rows, dtype=np.float32)


@pytest.fixture
def corpus():
    texts = [" ".join(WORDS[: 1 + i % 9]) + f" {i}" for i in range(70)]
    return Corpus("texts", texts, TASK, ["x", "y", "z", "w"], ["1", "1", "2", "2"])


def test_every_number_has_its_n(corpus):
    found = analyse(random_vectors, count, corpus).measures
    assert {name: measure.n for name, measure in found.items()} == {
        "spearman": 3, "alignment": 2, "positive_cosine": 2, "random_cosine": 15, "uniformity": 6,
        "tolerance": 2, "between_classes": 4, "uniformity_sentences": 70, "mean_cosine": 70,
        "effective_rank": 70, "top_component": 70, "penalty_entropy": 64, "even_entropy": 64,
        "hardest_penalty": 64, "common_mean_cosine": 17, "rare_mean_cosine": 17, "rarity_norm": 70,
        "rarity_centre": 70, "length_difference_cosine": 2415, "length_norm": 70,
    }  # fmt: skip
    assert found["length_norm"].value == pytest.approx(1, abs=0.02)  # rounding parts what is equal
    assert found["even_entropy"].value == pytest.approx(math.log(63))
    assert found["rarity_norm"].value < 0  # more of the common words, fewer of the numbers


def test_alignment_and_uniformity_are_of_the_pairs(corpus):
    found = analyse(random_vectors, count, corpus).measures
    x, y = (torch.from_numpy(random_vectors(side)) for side in ("ab", "de"))
    assert found["alignment"].value == pytest.approx(float(alignment(x, y)), abs=1e-6)
    assert found["alignment"].value == pytest.approx(2 - 2 * found["positive_cosine"].value)
    expected = uniformity(torch.from_numpy(random_vectors("abcdef")))
    assert found["uniformity"].value == pytest.approx(float(expected), abs=1e-6)


def test_a_cosine_that_falls_with_the_difference_of_lengths(corpus):
    def by_length(texts):
        angles = 0.1 * np.array(count(texts), dtype=np.float32)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    task = STS("pairs", ["a", "b"], ["a b", "a b c"], [5, 1])
    found = analyse(by_length, count, Corpus("texts", corpus.sentences, task)).measures
    assert found["length_difference_cosine"].value == pytest.approx(-1, abs=0.02)
    assert found["length_norm"].value is None


def test_without_positives_and_without_labels():
    corpus = Corpus("texts", WORDS, STS("low", ["a", "b"], ["c", "d"], [1, 2]))
    found = analyse(random_vectors, count, corpus)
    assert not {"alignment", "positive_cosine", "tolerance"} & found.measures.keys()
    assert len(found.positive) == 0


def test_distinct_sentences_and_at_most_5000_of_them():
    assert len(Corpus("texts", [*WORDS, *WORDS], TASK).sentences) == 9
    many = [str(i) for i in range(6000)]
    assert len(set(Corpus("texts", many, TASK).sentences)) == 5000
    with pytest.raises(InputError, match="texts has 2 distinct sentences; geometry needs at least"):
        Corpus("texts", ["a", "b", "a"], TASK)


def test_wrong_vectors(corpus):
    with pytest.raises(InputError, match="all 70 sentences of texts the same vector"):
        analyse(lambda texts: np.ones((len(texts), 4), dtype=np.float32), count, corpus)
    with pytest.raises(NumericError, match="vectors of 70 of 70 sentences are not finite"):
        analyse(lambda texts: np.full((len(texts), 4), np.nan, np.float32), count, corpus)


def test_pictures_are_drawn(corpus, tmp_path):
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    names = ["$\\frac", "a/folder/with/a/name/that/is/long"]
    found = {name: analyse(random_vectors, count, corpus) for name in names}
    write_report(tmp_path / "out", found, corpus, 0.05)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        ".files.json", "alignment_uniformity.png", "analysis.json", "cosines.png", "map.png",
        "spectrum.png",
    }  # fmt: skip


def test_pictures_of_many_classes_and_of_sentences_alone(tmp_path, caplog):
    pytest.importorskip("matplotlib", reason="the extra plot is not installed")
    low = STS("low", ["a", "b"], ["c", "d"], [1, 2])
    texts = [f"{a} {b} costs $5\t_{{ \U0001f9ff" for a in WORDS for b in WORDS]
    for labels in ([], [text.split()[0] for text in texts]):
        corpus = Corpus("texts", texts, low, texts if labels else (), labels)
        folder = tmp_path / str(len(labels))
        write_report(folder, {"m": analyse(random_vectors, count, corpus)}, corpus, 0.05)
        assert (folder / "map.png").is_file()
        assert not (folder / "alignment_uniformity.png").exists()
    assert "No pair of low is graded above 4" in caplog.text
    assert "no font here has all of its letters" in caplog.text


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r'pip install "matplotlib'):
        require_matplotlib()
