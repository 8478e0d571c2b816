"""`search`: the texts nearest to a query, by meaning, or by meaning and words."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sentemb.datasets.in_memory import Container
from sentemb.datasets.texts import read_texts
from sentemb.errors import InputError, UsageError
from sentemb.errors import nearest as close_name
from sentemb.evaluation.retrieval import nearest as greatest
from sentemb.inference.shaping import shaped
from sentemb.table import Cell, Report, Table
from sentemb.tasks.beyond_text import query_vectors
from sentemb.tasks.index import index_of
from sentemb.tasks.index_files import OF_CHUNKS, Index
from sentemb.tasks.lexical import fused, require_bm25s
from sentemb.tasks.nearest import Ids, nearest
from sentemb.tasks.row_filters import matching
from sentemb.tasks.threshold import Given, cosine_of, parsed
from sentemb.tasks.vectors import Embedded, embedded
from sentemb.types import Vectors
from sentemb.values import require_at_least, require_kind

if TYPE_CHECKING:
    from sentemb.tasks.vectors import AnyEncoder

DocumentScore = Literal["max", "mean"]
K = 10
DEPTH = 100
"""Hits of each ranking that are fused."""
Hits = list[dict[str, Any]]
SHOWN = 90
"""Characters of a text that a table shows."""


def search(
    queries: str | Sequence[str] | os.PathLike[str],
    data: "str | os.PathLike[str] | Container | Embedded | Index",
    k: int | None = None,
    *,
    where: str | None = None,
    min_score: Given | None = None,
    hybrid: bool = False,
    document: str | None = None,
    document_score: DocumentScore = "max",
    column: str = "text",
    model: "AnyEncoder | None" = None,
    prompt_name: str | None = None,
    device: str | None = None,
) -> Report:
    """Find the texts of greatest cosine with each query, as ``sentemb search`` does.

    Equal texts are one hit, with the number of their rows.

    Args:
        queries: One query, or several; a `Path` is a file with one a row. Of a model that reads
            pictures or sounds, a query may name some, as ``image:dog.png + text:beach``.
        data: An index, or where it is; or texts, which are then encoded and searched at once.
        k: Hits of a query; by default 10, or all texts where there are fewer.
        where: A condition on columns of the rows, as ``lang == 'en' and year >= 2020``.
        min_score: The least cosine of a hit; or a file, or what `calibrate` returned.
        hybrid: Rank by words too: the rankings by cosine and by BM25 are fused by their ranks.
        document: A column: texts of one value are parts of one document, which is one hit, by its
            best part. By default, in an index of chunks, the rows that were cut.
        document_score: ``max``, the score of a document's best part; or ``mean``, its cosine with
            the mean of the parts' vectors, in which a chunk counts as often as it has tokens.
        column: The column of the texts, where they are not an index.
        model: What encodes queries; by default the index's own, or ``mini-sentemb``.
        prompt_name: Of the prompt before queries; by default the model's prompt for queries, see
            `Encoder.prompt_of`.
        device: As in `sentemb.load`.

    Returns:
        A row for each hit: query, rank, score, text, count, and the columns of its first row that
        meets the condition. The score is the cosine; of a hybrid search it is the sum of the
        reciprocal ranks, and ``cosine`` stands beside it.

    Raises:
        UsageError: When k is more than there are texts, or a condition cannot be read.
        InputError: When the index is damaged or another model's, or a query is blank.

    Example:
        >>> search("a pet", ["A cat sleeps.", "Stocks fell."], k=1)["hits"][0]["text"]
        'A cat sleeps.'
    """
    require_kind("document_score", document_score, DocumentScore)
    asked = _queries(queries)
    least = -1.0 if min_score is None else parsed(min_score, "min_score")
    if hybrid:
        require_bm25s()
    opened = _opened(data)
    named = model if model is not None else opened.model if opened else "mini-sentemb"
    from sentemb.encoder import load  # torch: mistakes are told of without it

    encoder = load(named, device)
    prompt = encoder.prompt_of("query", prompt_name)
    if opened is None:
        found = embedded(data, encoder, column=column, prompt=encoder.prompt_of("document"))  # type: ignore[arg-type]
        opened = index_of(found, column, encoder)
    elif not opened.is_of(encoder):
        raise InputError(
            f"Index '{opened.path}' was made by model '{opened.model}', which '{encoder.name}' is "
            "not, or no longer: give that `model`, or make the index again."
        )
    least = cosine_of(least, encoder.name, "min_score")
    texts = len(opened.vectors)
    if k is not None:
        require_at_least(1, k=k)
        if k > texts:
            raise UsageError(f"k must be at most {texts:,}, the texts of the index; got {k:,}.")
    vectors = query_vectors(asked, encoder, opened.vectors.shape[1], prompt)
    if document is None and opened.chunk is not None:
        document = OF_CHUNKS[0]
    if document_score == "mean" and (document is None or hybrid):
        what = "beside `hybrid`" if hybrid else "without `document`"
        raise UsageError(f"`document_score` of mean has no meaning {what}: leave one out.")
    searched = _Search(opened, where, document)
    if document_score == "mean":
        rankings = searched.by_mean(vectors, min(k or K, texts))
    else:
        rankings = searched.rankings(asked, vectors, min(k or K, texts), hybrid=hybrid)
    kept = [[hit for hit in each if hit.cosine >= least] for each in rankings]
    how = {"index": opened.record, "where": where, "min_score": least}
    how |= {"hybrid": hybrid, "document": document, "document_score": document_score}
    return _report(_hits(searched, asked, kept, hybrid=hybrid), asked, how)


def _queries(queries: str | Sequence[str] | os.PathLike[str]) -> list[str]:
    if isinstance(queries, os.PathLike):
        found = list(read_texts(queries))
    else:
        found = [queries] if isinstance(queries, str) else list(queries)
    for number, query in enumerate(found, start=1):
        if not isinstance(query, str) or not query.strip():
            raise InputError(f"Query {number:,} is {query!r}: a query needs a text.")
    if not found:
        raise UsageError("There is no query: give one, or a file of `queries`.")
    return found


def _opened(data: object) -> Index | None:
    if isinstance(data, Index):
        return data
    if isinstance(data, str | os.PathLike) and Path(data).is_dir():
        return Index.open(data)
    return None


class _Search:
    """The texts of an index that may be found, and the row that stands for each.

    Args:
        index: What is searched.
        where: Which rows may be found.
        document: The column by which texts are parts of one document.
    """

    def __init__(self, index: Index, where: str | None, document: str | None) -> None:
        self.index = index
        rows = np.arange(len(index.rows))
        if where is not None:
            rows = np.flatnonzero(matching(index.rows, where))
        texts = index.text_of_row[rows]
        self.counts: Ids = np.bincount(texts, minlength=len(index.vectors))
        self.rows: Ids = np.zeros(len(index.vectors), dtype=np.int64)
        self.rows[texts[::-1]] = rows[::-1]
        self.texts: Ids = np.flatnonzero(self.counts)
        self.documents = None if document is None else self._column(document)

    def _column(self, name: str) -> list[Any]:
        known = self.index.rows.column_names
        if name not in known:
            raise UsageError(
                f"document: there is no column '{name}'; there are {', '.join(known)}."
                + close_name(name, known)
            )
        values: list[Any] = self.index.rows.column(name).take(self.rows).to_pylist()
        return values

    def rankings(
        self, queries: Sequence[str], vectors: Vectors, k: int, *, hybrid: bool
    ) -> list[list["Hit"]]:
        """Return the k best texts of each query, or all that may be found, one a document."""
        depth, found = k, self._of_depth(queries, vectors, k, hybrid=hybrid)
        if self.documents is None:
            return found
        wanted = min(k, len({self.documents[text] for text in self.texts}))
        while any(len(self._one_a_document(hits)) < wanted for hits in found):
            depth *= 4
            found = self._of_depth(queries, vectors, depth, hybrid=hybrid)
        return [self._one_a_document(hits)[:k] for hits in found]

    def by_mean(self, queries: Vectors, k: int) -> list[list["Hit"]]:
        """Return the k documents of each query whose mean is nearest, each by its best text."""
        assert self.documents is not None  # noqa: S101 -- the caller has seen to it
        if not len(self.texts):
            return [[] for _ in queries]
        places: dict[Any, int] = {}
        of = np.array([places.setdefault(self.documents[text], len(places)) for text in self.texts])
        weights = self.counts if self.index.chunk is None else np.array(self._column(OF_CHUNKS[3]))
        means = np.zeros((len(places), self.index.vectors.shape[1]), dtype=np.float32)
        parts = self.index.vectors[self.texts]
        np.add.at(means, of, parts * weights[self.texts, None].astype(np.float32))
        scores, found = nearest(queries, shaped(means, normalize=True), min(k, len(places)))
        members = [np.flatnonzero(of == place) for place in range(len(places))]
        rankings = []
        for query, near, each in zip(queries, found.tolist(), scores.tolist(), strict=True):
            cosines = parts @ query
            best = [members[place][cosines[members[place]].argmax()] for place in near]
            texts = self.texts[best].tolist()
            rankings.append(
                [Hit(text, score, score) for text, score in zip(texts, each, strict=True)]
            )
        return rankings

    def _one_a_document(self, hits: list["Hit"]) -> list["Hit"]:
        assert self.documents is not None  # noqa: S101 -- the caller has seen to it
        best: dict[Any, Hit] = {}
        for hit in hits:
            best.setdefault(self.documents[hit.text], hit)
        return list(best.values())

    def _of_depth(
        self, queries: Sequence[str], vectors: Vectors, k: int, *, hybrid: bool
    ) -> list[list["Hit"]]:
        allowed = None if len(self.texts) == len(self.index.vectors) else self.texts
        depth = min(max(k, DEPTH) if hybrid else k, len(self.texts))
        if not depth:
            return [[] for _ in queries]
        scores, ids = self.index.nearest(vectors, depth, allowed)
        if not hybrid:
            pairs = zip(ids.tolist(), scores.tolist(), strict=True)
            return [[Hit(*hit, hit[1]) for hit in zip(*pair, strict=True)] for pair in pairs]
        return [
            self._fused(query, vector, near.tolist(), k)
            for query, vector, near in zip(queries, vectors, ids, strict=True)
        ]

    def _fused(self, query: str, vector: Vectors, near: list[int], k: int) -> list["Hit"]:
        words = self.index.lexical.scores(query)[self.texts]
        by_words = [
            self.texts[place] for place in greatest(words, max(k, DEPTH)) if words[place] > 0
        ]
        best = fused([near, [int(text) for text in by_words]], k)
        among = np.array(sorted(text for text, _ in best))
        scores, ids = nearest(vector[None], self.index.vectors, len(among), rows=among)
        cosines = dict(zip(ids[0].tolist(), scores[0].tolist(), strict=True))
        return [Hit(text, score, cosines[text]) for text, score in best]


@dataclass(frozen=True)
class Hit:
    """A text that was found.

    Args:
        text: Its number.
        score: What it is ranked by.
        cosine: With the query.
    """

    text: int
    score: float
    cosine: float


def _hits(
    search: _Search, queries: Sequence[str], rankings: list[list[Hit]], *, hybrid: bool
) -> list[Hits]:
    """Return the hits of each query as rows."""
    index = search.index
    numbers = [search.rows[hit.text] for ranking in rankings for hit in ranking]
    columns = iter(
        index.rows.drop_columns([index.column]).take(np.array(numbers, np.int64)).to_pylist()
    )
    each = []
    for query, ranking in zip(queries, rankings, strict=True):
        hits: Hits = []
        for rank, hit in enumerate(ranking, start=1):
            row: dict[str, Any] = {"query": query, "rank": rank, "score": hit.score}
            row |= {"cosine": hit.cosine} if hybrid else {}
            row |= {"text": index.texts[hit.text], "count": int(search.counts[hit.text])}
            row |= {"row": int(search.rows[hit.text]) + 1}
            of_row = next(columns) if index.rows.num_columns > 1 else {}
            hits.append(row | {f"row_{n}" if n in row else n: of_row[n] for n in of_row})
        each.append(hits)
    return each


def _report(
    found: list[list[dict[str, Any]]], queries: Sequence[str], how: dict[str, Any]
) -> Report:
    """Return a table a query, and all hits in one."""
    hits = [hit for each in found for hit in each]
    numbers = ["score", "cosine", "count"] if how["hybrid"] else ["score", "count"]
    tables = [
        Table(
            [shortened(query), *numbers],
            [
                [Cell(hit["text"], shortened(hit["text"])), *(hit[n] for n in numbers)]
                for hit in each
            ],
        )
        for query, each in zip(queries, found, strict=True)
    ]
    without = sum(not each for each in found)
    notes = [f"queries without a hit: {without:,} of {len(queries):,}"] if without else []
    names = list(dict.fromkeys(name for hit in hits for name in hit))
    values = Table(names, [[hit[name] for name in names] for hit in hits])
    return Report("search", {**how, "hits": hits}, tables, notes, values)


def shortened(text: str, length: int = SHOWN) -> str:
    """Return the beginning of a text on one line.

    Example:
        >>> shortened("one two  three", 9)
        'one two …'
    """
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
