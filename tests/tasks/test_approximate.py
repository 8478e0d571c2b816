"""First passes: their codes, their recall, and what they find, against exact search."""

import numpy as np
import pytest
import torch

from sentemb.tasks import approximate
from sentemb.tasks.approximate import (
    Binary,
    Int8,
    measure_recall,
    nearly_nearest,
    recall_of,
)
from sentemb.tasks.graph import Graph
from sentemb.tasks.nearest import nearest


@pytest.fixture(scope="module")
def vectors():
    random = np.random.default_rng(0)
    centres = random.normal(size=(40, 32))
    found = centres[random.integers(40, size=1500)] + 0.5 * random.normal(size=(1500, 32))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def unit(rows):
    return torch.nn.functional.normalize(torch.as_tensor(rows), dim=1).numpy()


def test_symmetric_codes_err_as_methods2_has_it(frozen):
    corpus = unit(torch.cat([frozen.anchor, frozen.negatives[:, 0]])).astype(np.float64)
    queries = unit(frozen.positive)
    coded = Int8.of(corpus)
    error = np.abs(queries @ corpus.T - queries @ coded[:].T.astype(np.float64)).max()
    assert error == pytest.approx(0.0025830047, abs=1e-7)
    assert np.abs(coded.codes).max() == 127


def test_bits_are_as_methods2_has_them(frozen):
    corpus, asked = (
        unit(torch.cat([frozen.anchor, frozen.negatives[:, 0]])),
        unit(frozen.positive)[:1],
    )
    coded = Binary.of(corpus)
    assert coded.distances(asked).tolist() == [[1, 2, 2, 0, 0, 1, 2, 3]]
    assert coded.candidates(asked, 8).tolist() == [[3, 4, 0, 5, 1, 2, 6, 7]]  # ties by index
    assert coded.candidates(asked, 3).tolist() == [[3, 4, 0]]
    assert nearest(asked, corpus, 8)[1].tolist() == [[3, 0, 4, 5, 2, 1, 6, 7]]
    assert nearly_nearest(coded, asked, corpus, 2)[1].tolist() == [[3, 0]]


@pytest.mark.parametrize("dim", [1, 64, 65])
def test_bits_of_any_width(dim):
    rows = np.random.default_rng(0).normal(size=(30, dim)).astype(np.float32)
    unlike = ((rows[:, None] > 0) != (rows > 0)).sum(axis=2)
    assert (Binary.of(rows).distances(rows) == unlike).all()


def test_recall_by_ids_and_by_scores():
    found = np.array([[0.9, 0.8, 0.7]]), np.array([[7, 2, 5]])
    exact = np.array([[0.9, 0.8, 0.7]]), np.array([[7, 2, 9]])
    by_score, by_id = recall_of(found, exact)
    assert (by_score.tolist(), by_id.tolist()) == ([1], [pytest.approx(2 / 3)])


@pytest.mark.parametrize("kind", [Int8, Binary, Graph])
def test_what_a_first_pass_finds_is_ranked_exactly(kind, vectors, tmp_path):
    if kind is Graph:
        pytest.importorskip("usearch", reason="the search extra is not installed")
    first = kind.of(vectors[:1000])
    first = kind.of(vectors, first)  # 500 are added
    first.save(tmp_path / "a.npy")
    scores, ids = nearest(vectors[:50], vectors, 10)
    for one in (first, kind.open(tmp_path / "a.npy")):
        found = nearly_nearest(one, vectors[:50], vectors, 10)
        same = found[1] == ids
        assert same.mean() > 0.98
        assert (found[0][same] == scores[same]).all()
    assert nearly_nearest(first, vectors[:1], vectors, 3)[1].tolist() == [ids[0, :3].tolist()]


def test_recall_is_measured_on_a_sample(vectors, monkeypatch):
    monkeypatch.setattr(approximate, "SAMPLED", 200)
    recall = measure_recall(Int8.of(vectors), vectors)
    assert recall.low <= recall.value <= recall.high <= 100
    assert recall.value > 99
    assert (recall.k, recall.queries) == (10, 200)
    assert str(recall).startswith("recall@10 against exact ")


class Half:
    """Finds every other of the nearest rows, and too few for one query."""

    pool = 4

    def __init__(self, vectors):
        self.vectors = vectors

    def candidates(self, queries, count):
        ids = nearest(queries, self.vectors, 2 * count)[1][:, ::2]
        ids[0, -1] = -1
        return ids


def test_a_bad_first_pass_has_a_bad_recall(vectors, monkeypatch):
    monkeypatch.setattr(approximate, "SAMPLED", 100)
    recall = measure_recall(Half(vectors), vectors)
    assert recall.value == pytest.approx(50.5, abs=5)
    assert recall.low < recall.value < recall.high


def test_a_query_with_too_few_candidates_is_answered_exactly(vectors):
    exact = nearest(vectors[:2], vectors, 5)[1]
    found = nearly_nearest(Half(vectors), vectors[:2], vectors, 5)[1]
    assert (found == exact).all(axis=1).tolist() == [True, False]


def test_one_row_has_no_recall(vectors):
    assert measure_recall(Int8.of(vectors[:1]), vectors[:1]) is None
