"""Retrieval: are the relevant documents the nearest to a query?"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sentemb.errors import InputError
from sentemb.evaluation.cache import finite_vectors
from sentemb.evaluation.scores import Numbers, Outcome, percent_mean
from sentemb.types import Encode, Vectors

DEPTH = 100
"""Documents of a ranking that are looked at."""
BLOCK = 256
"""Queries that are compared with the corpus at once."""


@dataclass(frozen=True)
class Retrieval:
    """One retrieval task; call it with any encoder's bound ``encode``.

    Every document is ranked by its cosine with the query; of equal ones the first in the corpus
    goes first. A query without a relevant document is not scored. A relevant document that the
    corpus lacks is one that is never found, as in trec_eval.

    Args:
        name: What to call it.
        queries: Text by id.
        corpus: Text by id.
        relevant: By query id, the grade of each document that is relevant, above 0.
        not_ranked: Queries for which the document of the query's id is not ranked: BEIR's rule
            where queries are documents (ArguAna, Quora). By default those whose document has the
            query's text. Collections whose ids merely both count from 1 (CISI) keep theirs.
        unknown: Judgements of the source on documents that the corpus lacks.

    Raises:
        InputError: When the corpus is empty, or no query has a relevant document.

    Source: Thakur et al., 2021, BEIR (arXiv:2104.08663); measures as in trec_eval.
    """

    main: ClassVar[str] = "ndcg@10"
    unit: ClassVar[str] = "queries"

    name: str
    queries: Mapping[str, str]
    corpus: Mapping[str, str]
    relevant: Mapping[str, Mapping[str, float]]
    not_ranked: Collection[str] | None = None
    unknown: int = 0

    def __post_init__(self) -> None:
        if not self.corpus:
            raise InputError(f"{self.name}: the corpus is empty; at least one document is needed.")
        if not any(self.relevant.get(query) for query in self.queries):
            raise InputError(f"{self.name}: no query has a relevant document.")

    def __call__(self, encode: Encode, encode_documents: Encode | None = None) -> dict[str, float]:
        """Return ``ndcg@10``, ``mrr@10``, ``recall@10`` and ``recall@100``, means × 100.

        Args:
            encode: Of queries, and of documents where nothing else is given.
            encode_documents: Of documents, where the encoder puts other prompts before them.
        """
        return self.outcome(encode, encode_documents).numbers

    def outcome(self, encode: Encode, encode_documents: Encode | None = None) -> Outcome:
        """Return the numbers, with the measures of each query; arguments as of the call."""
        judged = [query for query in self.queries if self.relevant.get(query)]
        documents = list(self.corpus)
        left_out = frozenset(self.own_documents())
        corpus, place = _distinct(encode_documents or encode, list(self.corpus.values()))
        asked, row_of = _distinct(encode, [self.queries[query] for query in judged])
        rows = []
        for start in range(0, len(judged), BLOCK):
            similarities = asked[row_of[start : start + BLOCK]] @ corpus.T
            for query, row in zip(judged[start : start + BLOCK], similarities, strict=True):
                grades = self.relevant[query]
                found = [documents[number] for number in nearest(row[place], DEPTH + 1)]
                kept = [one for one in found if not (one == query and query in left_out)][:DEPTH]
                ranked = [grades.get(document, 0.0) for document in kept]
                rows.append(measures(np.array(ranked), np.array([*grades.values()])))
        items = np.array([[*row.values()] for row in rows])
        numbers = {name: 100 * float(items[:, i].mean()) for i, name in enumerate(rows[0])}
        return Outcome(numbers, items, percent_mean)

    def own_documents(self) -> list[str]:
        """Return the queries for which the document of the query's id is not ranked."""
        shared = [query for query in self.queries if query in self.corpus]
        if self.not_ranked is not None:
            return [query for query in shared if query in self.not_ranked]
        return [query for query in shared if same_text(self.queries[query], self.corpus[query])]

    def note(self) -> str:
        """Describe what is not ranked or cannot be found; "" where all is as it seems."""
        shared, own = sum(query in self.corpus for query in self.queries), len(self.own_documents())
        notes = []
        if own:
            notes.append(
                f"for {own:,} of {len(self.queries):,} queries the document of the query's id is "
                "not ranked, as in BEIR"
            )
        if shared > own:
            notes.append(f"ids of both a query and a document, which is ranked: {shared - own:,}")
        if self.unknown:
            notes.append(
                f"judgements of documents that the corpus lacks: {self.unknown:,}; relevant ones "
                "count as not found"
            )
        return f"{self.name}: {'; '.join(notes)}" if notes else ""


def same_text(one: str, other: str) -> bool:
    """Say whether two texts are equal but for white space."""
    return one.split() == other.split()


def measures(ranked: Numbers, relevant: Numbers) -> dict[str, float]:
    r"""Measures of one ranking.

    .. math:: \mathrm{DCG@}k = \sum_{r=1}^{k} \frac{g_r}{\log_2(r + 1)},\quad
        \mathrm{nDCG@}k = \mathrm{DCG@}k / \text{that of the best ranking},\quad
        \mathrm{RR@}k = 1 / \text{rank of the first relevant one, 0 beyond } k

    Args:
        ranked: Grade of each document in the order it was found, 0 where it is not relevant.
        relevant: Grade of each relevant document, above 0.

    Returns:
        ``ndcg@10``, ``mrr@10``, and recall, the share of the relevant documents among the first
        10 and 100; in [0, 1].

    Example:
        >>> found = measures(np.array([0.0, 1.0]), np.array([1.0]))
        >>> {name: round(value, 3) for name, value in found.items()}
        {'ndcg@10': 0.631, 'mrr@10': 0.5, 'recall@10': 1.0, 'recall@100': 1.0}
    """
    best = np.sort(relevant)[::-1]
    hits = np.flatnonzero(ranked[:10] > 0)
    return {
        "ndcg@10": _dcg(ranked[:10]) / _dcg(best[:10]),
        "mrr@10": 1 / (1 + float(hits[0])) if len(hits) else 0.0,
        **{f"recall@{k}": float((ranked[:k] > 0).sum() / len(relevant)) for k in (10, 100)},
    }


def nearest(similarities: Vectors, count: int) -> list[int]:
    """Return the places of the greatest similarities, greatest first, of equal ones the first.

    Example:
        >>> nearest(np.float32([0.1, 0.5, 0.9, 0.5]), 2)
        [2, 1]
    """
    places = np.arange(len(similarities))
    if count < len(similarities):
        least = np.partition(similarities, -count)[-count]
        places = np.flatnonzero(similarities >= least)
    order = np.argsort(-similarities[places], kind="stable")
    return [int(place) for place in places[order][:count]]


def _dcg(grades: Numbers) -> float:
    return float((grades / np.log2(np.arange(len(grades)) + 2)).sum())


def _distinct(encode: Encode, texts: Sequence[str]) -> tuple[Vectors, NDArray[np.int64]]:
    """Return the distinct vectors of texts at length 1, and the place of each text's among them.

    Each is compared once: a product of matrices rounds a vector's cosines by where it stands, and
    documents of one text would differ.
    """
    unique = list(dict.fromkeys(texts))
    vectors = finite_vectors(encode, unique)
    places: dict[bytes, int] = {}
    known = [places.setdefault(_digest(vector), len(places)) for vector in vectors]
    first = np.unique(known, return_index=True)[1]
    place_of = dict(zip(unique, known, strict=True))
    return _unit(vectors[first]), np.array([place_of[text] for text in texts], dtype=np.int64)


def _digest(vector: Vectors) -> bytes:
    return blake2b(np.ascontiguousarray(vector).tobytes(), digest_size=16).digest()


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return unit
