"""Exact neighbours: those of numpy's product, ties by row, whatever the blocks."""

import resource
import time

import numpy as np
import pytest

from sentemb.errors import UsageError
from sentemb.tasks import nearest as module
from sentemb.tasks.nearest import nearest, pairs_above


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(module, "QUERIES", 7)
    monkeypatch.setattr(module, "ROWS", 50)
    monkeypatch.setattr(module, "GROUP", 8)


def unit(rows, dim, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def expected(queries, corpus, k):
    products = queries.astype(np.float64) @ corpus.T.astype(np.float64)
    return np.lexsort((np.broadcast_to(np.arange(len(corpus)), products.shape), -products))[:, :k]


@pytest.mark.parametrize("k", [1, 10, 60, 173])
def test_neighbours_are_those_of_the_whole_product(k):
    queries, corpus = unit(20, 16), unit(173, 16, seed=1)
    scores, ids = nearest(queries, corpus, k)
    assert (ids == expected(queries, corpus, k)).all()
    assert scores == pytest.approx(np.take_along_axis(queries @ corpus.T, ids, axis=1), abs=1e-6)


def test_ties_go_by_row_as_methods2_has_it():
    corpus = np.float32([[0.5], [0.9], [0.9], [0.3], [0.9], [0.5]])
    assert nearest(np.float32([[1]]), corpus, 4)[1].tolist() == [[1, 2, 4, 0]]


def test_equal_rows_in_all_blocks_tie_too():
    corpus = np.tile(unit(3, 24), (60, 1))
    scores, ids = nearest(corpus[:1], corpus, 10)
    assert ids.tolist() == [list(range(0, 30, 3))]
    assert len(set(scores[0])) == 1


def test_blocks_do_not_matter(monkeypatch):
    queries, corpus = unit(9, 33), unit(140, 33, seed=1)
    small = nearest(queries, corpus, 12)
    monkeypatch.setattr(module, "ROWS", 1000)
    large = nearest(queries, corpus, 12)
    assert (small[0] == large[0]).all()
    assert (small[1] == large[1]).all()


def test_only_some_rows_are_searched():
    queries, corpus = unit(4, 8), unit(130, 8, seed=1)
    rows = np.arange(1, 130, 2)
    ids = nearest(queries, corpus, 5, rows=rows)[1]
    assert (ids == rows[expected(queries, corpus[rows], 5)]).all()


@pytest.mark.parametrize(
    ("k", "dim", "message"),
    [
        (0, 8, "k must be at least 1, got 0"),
        (131, 8, "k must be at most 130, the number of rows to search; got 131"),
        (5, 9, "of 9 and of 8 numbers cannot be compared"),
    ],
)
def test_what_cannot_be_asked_is_refused(k, dim, message):
    with pytest.raises(UsageError, match=message):
        nearest(unit(1, dim), unit(130, 8), k)


def test_pairs_above_are_those_of_the_whole_product():
    vectors = unit(120, 4)
    products = vectors.astype(np.float64) @ vectors.T
    wanted = {(i, j) for i in range(120) for j in range(i + 1, 120) if products[i, j] >= 0.8}
    found = [pair for i, j, _ in pairs_above(vectors, 0.8) for pair in zip(i, j, strict=True)]
    assert len(found) == len(wanted) > 50
    assert set(found) == wanted


def test_pairs_with_another_matrix():
    one, other = unit(30, 4), unit(110, 4, seed=1)
    wanted = {tuple(pair) for pair in np.argwhere(one.astype(np.float64) @ other.T >= 0.9)}
    found = pairs_above(one, 0.9, against=other)
    assert {pair for i, j, _ in found for pair in zip(i, j, strict=True)} == wanted != set()


@pytest.mark.long
def test_ten_million_rows_take_no_more_memory(tmp_path, monkeypatch):
    """Nor more than a time that grows with the rows."""
    monkeypatch.undo()  # blocks as they are
    corpus = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.float32, (10_000_000, 8))
    for start in range(0, len(corpus), 1_000_000):
        corpus[start : start + 1_000_000] = unit(1_000_000, 8, seed=start)
    queries, seconds = unit(256, 8, seed=1), {"search": [], "dedup": []}
    nearest(queries, corpus[:100_000], 10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for rows in (1_000_000, 10_000_000):
        began = time.process_time()
        scores, ids = nearest(queries, corpus[:rows], 10)
        searched = time.process_time()
        pairs = sum(len(some) for some, _, _ in pairs_above(queries, 0.99, against=corpus[:rows]))
        seconds["search"].append(searched - began)
        seconds["dedup"].append(time.process_time() - searched)
        assert (np.diff(scores) <= 0).all()
        assert ids.max() < rows
        assert pairs > 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # KB: the map itself
    for few, many in seconds.values():
        assert many < 15 * few
