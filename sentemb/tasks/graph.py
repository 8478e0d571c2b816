"""A graph of vectors that finds the nearest without comparing all of them."""

import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from sentemb.bars import Progress
from sentemb.errors import UsageError, install_command
from sentemb.tasks.beside import Beside
from sentemb.tasks.nearest import Ids
from sentemb.types import Vectors

AT_ONCE = 10_000
"""Vectors that are added at once."""
BY_ONE_THREAD = 10_000
"""The first are added by one thread: two that add to a small graph at the same time do not see
each other's vectors, and some of these are then found by no search."""
KEPT_EVERY = 60
"""Seconds of building between two copies on the disk."""


class Graph:
    """A navigable small world of vectors, by usearch; numbers have 16 bits.

    Args:
        dim: Of the vectors.

    Raises:
        UsageError: When usearch is not installed.

    Source: Malkov & Yashunin, 2018 (arXiv:1603.09320).
    """

    pool: ClassVar[int] = 4

    def __init__(self, dim: int) -> None:
        self._index = require_usearch().Index(ndim=dim, metric="ip", dtype="bf16")

    @classmethod
    def of(
        cls, vectors: Vectors, before: "Graph | None" = None, unfinished: Beside | None = None
    ) -> "Graph":
        """Build a graph of vectors.

        Args:
            vectors: All of them, ``[rows, dim]``.
            before: A graph of the first of them.
            unfinished: Where the graph is kept while it is built; one that is there is continued.
        """
        if unfinished is not None and unfinished.is_whole():
            before = cls.open(unfinished.file)
        graph = before if before is not None else cls(vectors.shape[1])
        known, kept = len(graph), time.monotonic()
        with Progress("building the graph", len(vectors), "vectors").begin(known) as shown:
            for start in range(known, len(vectors), AT_ONCE):
                some = np.ascontiguousarray(vectors[start : start + AT_ONCE])
                keys = np.arange(start, start + len(some), dtype=np.uint64)
                graph._index.add(keys, some, threads=1 if start < BY_ONE_THREAD else 0)
                shown.add(len(some))
                if unfinished is not None and time.monotonic() - kept >= KEPT_EVERY:
                    graph._keep(unfinished)
                    kept = time.monotonic()
        return graph

    def _keep(self, unfinished: Beside) -> None:
        new = unfinished.file.with_suffix(".new")
        self.save(new)
        unfinished.replace(new)

    @classmethod
    def open(cls, path: Path) -> "Graph":
        """Load what `save` wrote."""
        graph = cls.__new__(cls)
        graph._index = require_usearch().Index.restore(str(path))
        return graph

    def save(self, path: Path) -> None:
        """Write a file."""
        self._index.save(str(path))

    def __len__(self) -> int:
        return len(self._index)

    def candidates(self, queries: Vectors, count: int) -> Ids:
        """Return the rows that seem nearest, ``[queries, count]``."""
        self._index.expansion_search = max(512, count)
        found = self._index.search(np.ascontiguousarray(queries), count)
        ids = np.full((len(queries), count), -1, dtype=np.int64)
        for at in range(len(queries)):
            keys = (found[at] if len(queries) > 1 else found).keys
            ids[at, : len(keys)] = keys
        return ids


def require_usearch() -> Any:
    """Return the library that builds graphs.

    Raises:
        UsageError: When it is not installed.
    """
    try:
        import usearch.index
    except ImportError as error:
        raise UsageError(f"method hnsw needs usearch: {install_command('search')}.") from error
    return usearch.index
