"""Graphs that are interrupted while they are built."""

import os
import random
import signal
import time

import numpy as np
import pytest

import sentemb
from sentemb.tasks import graph
from sentemb.tasks.beside import Beside
from sentemb.tasks.graph import Graph
from sentemb.tasks.index_files import Index
from tests.support.processes import exit_code, forked

pytest.importorskip("usearch", reason="the search extra is not installed")


def unit(rows, dim, seed=0):
    made = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture
def unfinished(tmp_path) -> Beside:
    return Beside(tmp_path / "a.graph.usearch", {"rows": 1})


@pytest.fixture
def interrupted(monkeypatch, unfinished):
    """Vectors whose graph was interrupted after 60 of them."""
    monkeypatch.setattr(graph, "AT_ONCE", 20)
    monkeypatch.setattr(graph, "KEPT_EVERY", 0)
    vectors = unit(100, 8)

    def keep(self, unfinished):
        known(self, unfinished)
        if len(self) == 60:
            raise KeyboardInterrupt

    known = Graph._keep
    with monkeypatch.context() as patch:
        patch.setattr(Graph, "_keep", keep)
        with pytest.raises(KeyboardInterrupt):
            Graph.of(vectors, unfinished=unfinished)
    return vectors


def found_themselves(made, vectors):
    """Tell whether all vectors are in a graph under their rows: among a few, as it is inexact."""
    ids = made.candidates(vectors, 5)
    return (ids == np.arange(len(vectors))[:, None]).any(axis=1).all()


def test_a_graph_goes_on_where_it_was(interrupted, unfinished):
    assert len(Graph.open(unfinished.file)) == 60
    made = Graph.of(np.where(np.arange(100)[:, None] < 60, np.nan, interrupted), None, unfinished)
    assert len(made) == 100
    assert found_themselves(made, interrupted)


@pytest.mark.parametrize("change", ["other rows", "damaged", "no record"])
def test_a_graph_of_something_else_is_not_gone_on_with(interrupted, unfinished, change):
    if change == "other rows":
        unfinished = Beside(unfinished.file, {"rows": 2})
    elif change == "damaged":
        unfinished.file.write_bytes(unfinished.file.read_bytes()[:-1])
    else:
        unfinished.record.unlink()
    other = interrupted[::-1].copy()
    made = Graph.of(other, None, unfinished)
    assert found_themselves(made, other)


@pytest.mark.long
def test_a_million_vectors_killed_ten_times(tmp_path, monkeypatch):
    """At random, and given again each time: rows, vectors and recall of the index are whole."""
    monkeypatch.setattr("sentemb.tasks.index.require_made_by", lambda *args: None)
    monkeypatch.setattr(graph, "KEPT_EVERY", 10)
    rows, path, drawn = 1_000_000, tmp_path / "a.index", random.Random(0)
    centres = unit(5000, 128, seed=1)[np.random.default_rng(2).integers(5000, size=rows)]
    vectors = centres + 0.05 * np.random.default_rng(3).normal(size=(rows, 128)).astype(np.float32)
    np.save(tmp_path / "v.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    (tmp_path / "texts.txt").write_text("".join(f"text {n}\n" for n in range(rows)))

    def make():
        given = {"vectors": tmp_path / "v.npy", "method": "hnsw"}
        sentemb.index(tmp_path / "texts.txt", path, "mini", **given)

    for _ in range(10):
        child = forked(make)
        time.sleep(drawn.uniform(20, 80))
        os.kill(child, signal.SIGKILL)
        assert exit_code(child) == -signal.SIGKILL
    assert exit_code(forked(make)) == 0
    made = Index.open(path)
    assert made.texts == [f"text {n}" for n in range(rows)]
    given = np.load(tmp_path / "v.npy", mmap_mode="r")
    assert np.abs(made.vectors[::1000] - given[::1000]).max() < 1e-6
    assert made.recall["value"] >= 98
    assert {file.name for file in tmp_path.iterdir()} == {"a.index", "texts.txt", "v.npy"}
