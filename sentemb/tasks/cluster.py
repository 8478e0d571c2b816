"""`cluster`: groups of like texts, with names, a confidence for each row, and how stable it is."""

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sentemb.bars import phase
from sentemb.datasets.in_memory import Container
from sentemb.decoders.decoder_folder import load_decoder
from sentemb.errors import InputError, UsageError
from sentemb.table import Cell, Report, Table, decimals
from sentemb.tasks.decode import decode, encoder_of
from sentemb.tasks.groupings import (
    HDBSCAN,
    Communities,
    Grouping,
    KMeans,
    Labels,
    by_size,
    centres_of,
    place,
    stability,
)
from sentemb.tasks.reported import SHOWN, Reported, first_rows, rows_of
from sentemb.tasks.threshold import Given, cosine_of
from sentemb.tasks.topic_words import names_of
from sentemb.tasks.vectors import Embedded, embedded
from sentemb.types import Vectors
from sentemb.values import require_at_least, require_kind

if TYPE_CHECKING:
    from sentemb.tasks.vectors import AnyEncoder

Method = Literal["kmeans", "communities", "hdbscan"]
COLUMNS = ("cluster", "rows", "name", "confidence", "nearest_text")
FEW = 12
"""So many clusters are shown without branches above them."""
MOST_BY_DEFAULT = 50
WORDS, BEAMS = "words", 5
"""How clusters are named by default; and beams where a decoder names them."""


@dataclass(frozen=True)
class Branches:
    """Clusters of clusters: a tree of two levels.

    Args:
        parents: The branch of each cluster.
        names: Of the branches.
    """

    parents: Labels
    names: list[str]


@dataclass(frozen=True, repr=False)
class Clusters(Reported):
    """Texts in clusters. Clusters are numbered from 0, the largest first.

    Args:
        data: All rows.
        labels: The cluster of each row.
        confidence: Of each row: its cosine with its own centre, less the greatest cosine with
            another centre; below 0 where another centre is nearer.
        outliers: Whether a row was in no cluster, and was placed at the nearest centre.
        names: Of the clusters: the words that tell one from the others, or what a decoder writes.
        nearest: The row nearest to each centre, from 0.
        centres: Unit vectors, ``[clusters, dim]``.
        stability: Mean adjusted Rand index of runs on other rows and from other starts; None where
            it was not measured, or a run found no cluster.
        branches: Clusters of clusters, where there are many; otherwise None.
        column: Name of the column of texts.
    """

    data: Embedded
    labels: Labels
    confidence: NDArray[np.float64]
    outliers: NDArray[np.bool_]
    names: list[str]
    nearest: Labels
    centres: Vectors
    stability: float | None
    branches: Branches | None
    column: str

    def __len__(self) -> int:
        """Return the number of clusters."""
        return len(self.names)

    def rows(self) -> list[dict[str, Any]]:
        """Return every row with its columns, its cluster, name, confidence, and if an outlier."""
        return rows_of(
            *(self.data, range(len(self.labels)), self.column),
            cluster=self.labels.tolist(),
            name=[self.names[label] for label in self.labels],
            confidence=self.confidence.round(6).tolist(),
            outlier=self.outliers.tolist(),
        )

    def tree(self) -> str:
        """Return the clusters beneath their branches as indented text; of few, one level."""
        sizes = np.bincount(self.labels, minlength=len(self))
        if self.branches is None:
            return "\n".join(f"{self.names[c]} ({sizes[c]:,})" for c in range(len(self)))
        lines = []
        for branch, name in enumerate(self.branches.names):
            members = np.flatnonzero(self.branches.parents == branch)
            lines.append(f"{name} ({sizes[members].sum():,} rows; clusters: {len(members)})")
            lines += [f"    {self.names[c]} ({sizes[c]:,})" for c in members]
        return "\n".join(lines)

    def table(self) -> Table:
        """Return a row for each cluster."""
        sizes = np.bincount(self.labels, minlength=len(self))
        sums = np.bincount(self.labels, self.confidence, minlength=len(self))
        return Table(
            COLUMNS,
            [
                [
                    Cell(cluster, str(cluster)),
                    int(sizes[cluster]),
                    self.names[cluster],
                    decimals(2, float(sums[cluster] / sizes[cluster])),
                    self.data.texts[self.nearest[cluster]],
                ]
                for cluster in range(len(self))
            ],
        )

    def report(self) -> Report:
        """Return the largest clusters, or the tree of many, and a record of everything."""
        table = self.table()
        parents = None if self.branches is None else self.branches.parents.tolist()
        record = {
            "model": self.data.model,
            "source": self.data.source,
            "rows": len(self.labels),
            "stability": self.stability,
            "outliers": int(self.outliers.sum()),
            "clusters": list(table),
            "branches": None if self.branches is None else self.branches.names,
            "parents": parents,
            "labels": self.labels.tolist(),
            "confidence": self.confidence.round(6).tolist(),
        }
        tree = [] if self.branches is None else self.tree().splitlines()
        notes = [*tree, self._summary()]
        return Report("cluster", record, [first_rows(table)], notes, self._each_row())

    def _each_row(self) -> Table:
        rows = self.rows()
        return Table(list(rows[0]), [list(row.values()) for row in rows])

    def _summary(self) -> str:
        words = f"{len(self.labels):,} rows in {len(self):,} clusters"
        if len(self) > SHOWN:
            words += f", of which the {SHOWN} largest are in the table"
        if self.outliers.any():
            words += f"; {int(self.outliers.sum()):,} outliers, placed at the nearest centre"
        steady = "no number" if self.stability is None else f"{self.stability:.2f}"
        return f"{words}; stability (mean ARI over seeds): {steady}"


def cluster(
    data: "str | os.PathLike[str] | Container | Embedded",
    model: "AnyEncoder" = "mini-sentemb",
    *,
    clusters: int | None = None,
    method: Method = "kmeans",
    threshold: Given = 0.75,
    min_size: int = 5,
    seed: int = 0,
    seeds: int = 5,
    name_by: "str | os.PathLike[str]" = WORDS,
    column: str = "text",
    vectors: str | os.PathLike[str] | None = None,
    device: str | None = None,
    batch_tokens: int | None = None,
) -> Clusters:
    """Group texts by what they say, name the groups, and say how sure each row's place is.

    Args:
        data: Texts of any kind that `encode` reads, with vectors or without.
        model: A bundled encoder, a folder, a hub id, a `SentenceTransformer` or an `Encoder`.
        clusters: How many; only of ``kmeans``. By default the root of half the rows, at most 50.
        method: ``kmeans`` on the sphere, which puts every row into one of a number of clusters;
            ``communities``, the rows around a row by a threshold; or ``hdbscan``, dense regions.
            Rows that the last two leave out are placed at the nearest centre, as outliers.
        threshold: Of ``communities``: the least cosine with the row in the middle; or a file, or
            what `calibrate` returned.
        min_size: Rows of the smallest cluster; not of ``kmeans``.
        seed: Of the starts of ``kmeans``.
        seeds: Runs that the stability is measured by, each on 80 % of the rows; 0 measures none.
        name_by: ``words``, those that tell a cluster from the others; or a decoder's folder: the
            text that it writes of the centre.
        column: The column of the texts.
        vectors: As in `embedded`: a file of the vectors of ``data``.
        device: As in `sentemb.load`.
        batch_tokens: As in `Encoder.encode`.

    Raises:
        UsageError: When an option is out of its range, or has no effect with the method.
        InputError: When data cannot be read (names the row), or no cluster is found.

    Example:
        >>> texts = ["a dog", "the dog", "a red car", "the car", "a fast car"]
        >>> cluster(texts, clusters=2).labels.tolist()
        [1, 1, 0, 0, 0]
    """
    require_kind("method", method, Method)
    require_at_least(0, seeds=seeds, seed=seed)
    require_at_least(2, min_size=min_size)
    if clusters is not None and method != "kmeans":
        raise UsageError(f"`clusters` has no effect with {method}, which finds their number.")
    options: dict[str, Any] = {"column": column, "device": device, "batch_tokens": batch_tokens}
    decoder = None if name_by == WORDS else load_decoder(name_by)
    texts = embedded(data, model, vectors=vectors, **options)
    if decoder is not None:
        encoder_of(decoder, str(name_by), model, device)
    if method == "kmeans":
        grouping: Grouping = KMeans(_number_of_clusters(clusters, texts))
    elif method == "communities":
        grouping = Communities(cosine_of(threshold, texts.model), min_size)
    else:
        grouping = HDBSCAN(min_size)
    with phase("clustering"):
        labels = by_size(grouping(texts.vectors, seed))
    if labels.max() < 0:
        raise InputError(
            f"{method} finds no cluster in {len(labels):,} rows: give a lower "
            + ("`threshold` or `min_size`." if method == "communities" else "`min_size`.")
        )
    with phase("measuring the stability"):
        steady = stability(texts.vectors, grouping, seeds) if seeds > 1 else None
    found = _described(texts, labels, steady, column)
    if decoder is None:
        return found
    names = decode(decoder, found.centres, model=model, device=device, beams=BEAMS).texts
    return replace(found, names=names)


def _number_of_clusters(given: int | None, texts: Embedded) -> int:
    distinct = len(set(texts.texts))
    most = max(2, min(MOST_BY_DEFAULT, round((len(texts.texts) / 2) ** 0.5)))
    number = most if given is None else given
    require_at_least(2, clusters=number)
    if number > distinct:
        raise UsageError(
            f"clusters must be at most the number of distinct texts, {distinct:,}; got {number:,}."
        )
    return number


def _described(texts: Embedded, labels: Labels, steady: float | None, column: str) -> Clusters:
    """Place the rows that are in no group, and name groups and branches."""
    outliers, centres = labels < 0, centres_of(texts.vectors, labels)
    placed = place(texts.vectors, centres)
    labels = np.where(outliers, placed.labels, labels)
    own = np.einsum("ij,ij->i", texts.vectors, centres[labels]).astype(np.float64)
    other = np.where(placed.labels == labels, placed.second, placed.cosines)
    inner = np.where(outliers, -np.inf, own)
    nearest = np.lexsort((np.arange(len(labels)), -inner, labels))
    nearest = nearest[np.unique(labels[nearest], return_index=True)[1]]
    names = names_of(texts.texts, labels.tolist(), len(centres))
    names = [name or texts.texts[row] for name, row in zip(names, nearest, strict=True)]
    branches = _branches(texts, labels, centres) if len(centres) > FEW else None
    return Clusters(
        *(texts, labels, own - other, outliers, names, nearest, centres, steady, branches, column)
    )


def _branches(texts: Embedded, labels: Labels, centres: Vectors) -> Branches:
    """Join clusters by Ward's linkage of their centres, to about the root of their number."""
    from scipy.cluster.hierarchy import fcluster, linkage

    joined = linkage(centres.astype(np.float64), "ward")
    found = fcluster(joined, round(len(centres) ** 0.5), "maxclust").astype(np.int64)
    parents = by_size(found)
    names = names_of(texts.texts, parents[labels].tolist(), int(parents.max()) + 1)
    return Branches(parents, names)
